//! Chance that is the same in every run, so that the tables of docs/SCALE.md change only when darkroom does.

/// A generator of even numbers: xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    /// One that begins with `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 up to 1.
    pub(crate) fn share(&mut self) -> f64 {
        // 53 bits are what a float holds.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `many`.
    pub(crate) fn one_of(&mut self, many: usize) -> usize {
        let many = many.max(1) as u64;
        usize::try_from((self.next() >> 33) % many).unwrap_or_default()
    }

    /// A time that is spread exponentially around `mean_ms`.
    pub(crate) fn exponential_ms(&mut self, mean_ms: f64) -> u32 {
        whole_ms(-mean_ms * (1.0 - self.share()).ln())
    }
}

/// Milliseconds as a whole number.
pub(crate) fn whole_ms(milliseconds: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let whole = milliseconds.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
}
