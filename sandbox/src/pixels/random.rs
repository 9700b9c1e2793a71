//! Random numbers for making copies differ. Not for anything that must be hard to guess.

/// A small generator (splitmix64): the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A generator that starts from a seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator that nobody has seen before.
    pub(crate) fn fresh() -> Self {
        Self::from_seed(uuid::Uuid::new_v4().as_u64_pair().0)
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from 0 to below `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = (end as u64).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// A number from `min` to `max`.
    pub(crate) fn between(&mut self, min: f32, max: f32) -> f32 {
        let share = u16::try_from(self.next() >> 48).map_or(0.0, f32::from) / f32::from(u16::MAX);
        min + (max - min) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::from_seed(7);
        for _ in 0..1000 {
            assert!((2.0..=5.0).contains(&random.between(2.0, 5.0)));
            assert!(random.below(3) < 3);
        }
        assert_eq!(random.below(0), 0);
    }
}
