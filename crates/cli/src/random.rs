//! Chance that can be repeated.

use std::f64::consts::TAU;

/// Most draws for one small Poisson number.
const DRAWS_MAX: u32 = 1_000;
/// From this mean on the Poisson distribution is drawn as the normal one.
const LARGE_MEAN: f64 = 40.0;

/// `SplitMix64`: small, quick, and good enough to look like customers.
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The numbers of a place: near places have nothing in common.
    pub(crate) fn at(seed: u64, place: [u64; 2]) -> Self {
        let mixed = place.into_iter().fold(seed, |seed, part| Self(seed ^ part.rotate_left(32)).next());
        Self(mixed)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The normal distribution (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// How often something happens that happens `mean` times on average.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > LARGE_MEAN {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let (floor, mut product) = ((-mean).exp(), 1.0);
        for count in 0..DRAWS_MAX {
            product *= self.unit();
            if product <= floor {
                return count;
            }
        }
        DRAWS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_numbers_have_their_mean() {
        let mut random = Random::new(7);
        for mean in [0.0, 0.3, 4.0, 39.0, 400.0] {
            let sum: u32 = (0..2_000).map(|_| random.poisson(mean)).sum();
            let measured = f64::from(sum) / 2_000.0;
            assert!((measured - mean).abs() <= 0.1 * mean.sqrt(), "{mean}: {measured}");
        }
    }

    #[test]
    fn a_place_has_its_own_numbers() {
        let first = |place| Random::at(1, place).next();
        assert_eq!(first([2, 3]), first([2, 3]));
        assert!(first([2, 3]) != first([3, 2]) && first([2, 3]) != first([2, 4]));
    }
}
