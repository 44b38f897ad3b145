//! The SQL migrations of Blacksmith store and their planner.
