//! What this scheduler believes to hold, and for how long.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use blacksmith_store_core::{Token, TransitionId};
use tokio::time::Instant;

/// The claims held by this scheduler, by lease.
///
/// A lease is believed in for its length since the request that gave or extended it LEFT, by the monotonic clock: the store
/// counts from a later moment, so it never ends sooner there than here. A hundredth is held back, for timers are not exact and
/// a run that is cancelled takes a moment to stop.
pub(crate) struct Leases {
    /// How long a lease is believed in.
    length: Duration,
    by_number: HashMap<u64, Lease>,
    tokens: HashMap<TransitionId, u64>,
    last: u64,
}

struct Lease {
    /// `None`: not believed in (any more); what is under it must not run.
    believed_until: Option<Instant>,
    live: usize,
}

impl Leases {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            length: length / 100 * 99,
            by_number: HashMap::new(),
            tokens: HashMap::new(),
            last: 0,
        }
    }

    /// Begins the lease of a claim call whose request left at `sent`; one that was not granted by an answer is not believed
    /// in until an extension keeps it.
    pub(crate) fn begin(&mut self, sent: Option<Instant>, tokens: &[TransitionId]) {
        if tokens.is_empty() {
            return;
        }
        self.last += 1;
        let lease =
            Lease { believed_until: sent.map(|sent| sent + self.length), live: tokens.len() };
        self.by_number.insert(self.last, lease);
        self.tokens.extend(tokens.iter().map(|token| (*token, self.last)));
    }

    pub(crate) fn knows(&self, token: &TransitionId) -> bool {
        self.tokens.contains_key(token)
    }

    /// At most `limit` tokens: one of each lease, which extends it, then as many of the others as there is room for.
    pub(crate) fn tokens(&self, limit: usize) -> Vec<TransitionId> {
        let mut seen = HashSet::new();
        let (mut first, rest): (Vec<_>, Vec<_>) =
            self.tokens.iter().partition(|(_, lease)| seen.insert(**lease));
        first.extend(rest);
        first.into_iter().take(limit).map(|(token, _)| *token).collect()
    }

    /// A claim has ended.
    pub(crate) fn remove(&mut self, token: &TransitionId) {
        let Some(number) = self.tokens.remove(token) else { return };
        if let Some(lease) = self.by_number.get_mut(&number) {
            lease.live -= 1;
            if lease.live == 0 {
                self.by_number.remove(&number);
            }
        }
    }

    fn believed_until(&self, token: &TransitionId) -> Option<Instant> {
        self.by_number.get(self.tokens.get(token)?)?.believed_until
    }

    /// Whether a run under this claim may go on.
    pub(crate) fn is_believed(&self, token: &TransitionId, now: Instant) -> bool {
        self.believed_until(token).is_some_and(|until| now < until)
    }

    /// Whether a run under this claim may begin: not when its lease is nearly over, for a run that is cut uses an attempt up.
    pub(crate) fn may_start(&self, token: &TransitionId, now: Instant) -> bool {
        self.is_believed(token, now + self.length / 4)
    }

    /// Takes in what an extension answered whose request left at `sent`; answers the tokens that are lost.
    pub(crate) fn extended(
        &mut self,
        sent: Instant,
        tokens: &[TransitionId],
        answers: &[Token],
    ) -> Vec<TransitionId> {
        let mut lost = Vec::new();
        for (token, answer) in tokens.iter().zip(answers) {
            // A claim that has ended meanwhile is no one's concern.
            let Some(number) = self.tokens.get(token) else { continue };
            match answer {
                Token::Lost => lost.push(*token),
                Token::Kept => {
                    if let Some(lease) = self.by_number.get_mut(number) {
                        lease.believed_until = lease.believed_until.max(Some(sent + self.length));
                    }
                }
            }
        }
        lost
    }

    /// Stops believing in leases whose time is over; answers whether there were any.
    pub(crate) fn end_overdue(&mut self, now: Instant) -> bool {
        let mut ended = false;
        for lease in self.by_number.values_mut() {
            if lease.believed_until.is_some_and(|until| until <= now) {
                lease.believed_until = None;
                ended = true;
            }
        }
        ended
    }

    /// When the next lease will not be believed in any more, unless it is extended.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.by_number.values().filter_map(|lease| lease.believed_until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(100);
    const BELIEVED: Duration = Duration::from_secs(99);

    fn token(n: u8) -> TransitionId {
        TransitionId::from_bytes([n; 20])
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_believed_in_since_its_request_left() {
        let sent = Instant::now();
        let mut leases = Leases::new(LENGTH);
        tokio::time::advance(Duration::from_secs(20)).await;
        leases.begin(Some(sent), &[token(1)]);
        assert!(leases.is_believed(&token(1), sent + Duration::from_secs(98)));
        assert!(!leases.is_believed(&token(1), sent + BELIEVED));
        assert!(!leases.may_start(&token(1), sent + Duration::from_secs(80)));
        assert_eq!(leases.next_end(), Some(sent + BELIEVED));
    }

    #[tokio::test(start_paused = true)]
    async fn an_extension_of_one_claim_counts_for_its_whole_call() {
        let start = Instant::now();
        let mut leases = Leases::new(LENGTH);
        leases.begin(Some(start), &[token(1), token(2)]);
        let later = start + Duration::from_secs(10);
        assert!(leases.extended(later, &[token(1)], &[Token::Kept]).is_empty());
        assert!(leases.is_believed(&token(2), start + Duration::from_secs(105)));
        // An older answer that comes later takes nothing back.
        leases.extended(start, &[token(1)], &[Token::Kept]);
        assert_eq!(leases.next_end(), Some(later + BELIEVED));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_answer_granted_must_not_run_until_an_extension_keeps_it() {
        let start = Instant::now();
        let mut leases = Leases::new(LENGTH);
        leases.begin(None, &[token(1), token(2)]);
        assert!(!leases.is_believed(&token(1), start));
        let lost = leases.extended(start, &[token(1), token(2)], &[Token::Kept, Token::Lost]);
        assert_eq!(lost, [token(2)]);
        assert!(leases.is_believed(&token(1), start));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_with_its_last_claim() {
        let start = Instant::now();
        let mut leases = Leases::new(LENGTH);
        leases.begin(Some(start), &[token(1), token(2)]);
        leases.remove(&token(1));
        leases.remove(&token(1));
        assert!(leases.next_end().is_some() && leases.knows(&token(2)));
        leases.remove(&token(2));
        assert!(leases.next_end().is_none() && leases.tokens(10).is_empty());
        assert!(!leases.end_overdue(start + BELIEVED));
    }
}
