//! What the SQL adapters of Blacksmith store share: filters translated to sea-query.
