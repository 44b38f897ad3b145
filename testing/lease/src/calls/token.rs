//! Claims by their tokens, and sets of them.

/// How many jobs there are at most.
pub(super) const JOBS: u8 = 3;
/// How many calls of a worker take something at most: the faults bound them.
const CALLS: u8 = 7;

/// One job taken by one call of one worker: the id of its `executing` transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Token {
    pub(super) worker: u8,
    pub(super) call: u8,
    pub(super) job: u8,
}

impl Token {
    fn bit(self) -> u64 {
        assert!(self.call < CALLS && self.job < JOBS, "calls grow without bound: {self:?}");
        1 << ((self.worker * CALLS + self.call) * JOBS + self.job)
    }

    pub(super) fn is_of_call_of(self, other: Self) -> bool {
        (self.worker, self.call) == (other.worker, other.call)
    }
}

/// A set of tokens.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Tokens(u64);

impl Tokens {
    pub(super) fn has(self, token: Token) -> bool {
        self.0 & token.bit() != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn add(&mut self, token: Token) {
        self.0 |= token.bit();
    }

    pub(super) fn remove(&mut self, token: Token) {
        self.0 &= !token.bit();
    }

    /// Whether one of these is of the same call as this token.
    pub(super) fn name_call_of(self, token: Token) -> bool {
        self.iter().any(|named| named.is_of_call_of(token))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Token> {
        let tokens = (0..2).flat_map(|worker| {
            (0..CALLS).flat_map(move |call| (0..JOBS).map(move |job| Token { worker, call, job }))
        });
        tokens.filter(move |token| self.has(*token))
    }
}

impl FromIterator<Token> for Tokens {
    fn from_iter<I: IntoIterator<Item = Token>>(tokens: I) -> Self {
        let mut set = Self::default();
        tokens.into_iter().for_each(|token| set.add(token));
        set
    }
}

impl std::ops::BitOr for Tokens {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|token| (token.worker, token.call, token.job)))
            .finish()
    }
}
