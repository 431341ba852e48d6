//! Primes for RSA and DSA.

use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore as _;

/// Rounds of Miller and Rabin's test, each with a random base.
const ROUNDS: usize = 20;

/// Odd primes for the first look at a candidate.
const SMALL: usize = 300;

/// Candidates looked at from one random start on.
const STRETCH: u32 = 1 << 15;

fn random_bits(rng: &mut ChaCha20Rng, bits: u64) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    rng.fill_bytes(&mut bytes);
    bytes[0] &= 0xFF >> (bytes.len() as u64 * 8 - bits);
    BigUint::from_bytes_be(&bytes)
}

/// Uniform from 1 up to `bound`, which is not reached.
pub(super) fn below(rng: &mut ChaCha20Rng, bound: &BigUint) -> BigUint {
    loop {
        let number = random_bits(rng, bound.bits());
        if number != BigUint::ZERO && number < *bound {
            return number;
        }
    }
}

pub(super) fn gcd(mut a: BigUint, mut b: BigUint) -> BigUint {
    while b != BigUint::ZERO {
        (a, b) = (b.clone(), a % b);
    }
    a
}

fn small_primes() -> Vec<u32> {
    let mut primes = vec![3u32];
    let mut candidate = 5;
    while primes.len() < SMALL {
        if primes.iter().all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
        candidate += 2;
    }
    primes
}

fn remainder(number: &BigUint, divisor: u32) -> u32 {
    u32::try_from(number % divisor).unwrap_or(0)
}

/// A prime of exactly `bits` bits, the upper two of which are set, that is not one more than a multiple of `exponent`.
pub(super) fn for_rsa(rng: &mut ChaCha20Rng, bits: u64, exponent: u32) -> BigUint {
    loop {
        let prime = odd_prime(rng, bits);
        if remainder(&prime, exponent) != 1 {
            return prime;
        }
    }
}

fn odd_prime(rng: &mut ChaCha20Rng, bits: u64) -> BigUint {
    let small = small_primes();
    loop {
        let mut start = random_bits(rng, bits);
        for bit in [0, bits - 2, bits - 1] {
            start.set_bit(bit, true);
        }
        let remainders: Vec<u32> = small.iter().map(|prime| remainder(&start, *prime)).collect();
        for step in (0..STRETCH).step_by(2) {
            let divided = small.iter().zip(&remainders).any(|(prime, rest)| (rest + step) % prime == 0);
            if divided {
                continue;
            }
            let candidate = &start + step;
            if candidate.bits() == bits && is_prime(rng, &candidate) {
                return candidate;
            }
        }
    }
}

/// A prime of `bits` bits and a prime of `divisor_bits` bits that divides the one before it.
pub(super) fn for_dsa(rng: &mut ChaCha20Rng, bits: u64, divisor_bits: u64) -> (BigUint, BigUint) {
    let small = small_primes();
    let q = odd_prime(rng, divisor_bits);
    let step = &q * 2u32;
    loop {
        let mut start = random_bits(rng, bits);
        start.set_bit(bits - 1, true);
        let p = &start - &start % &step + 1u32;
        if p.bits() == bits && small.iter().all(|prime| remainder(&p, *prime) != 0) && is_prime(rng, &p) {
            return (p, q);
        }
    }
}

/// Miller and Rabin's test of an odd number above 3.
fn is_prime(rng: &mut ChaCha20Rng, number: &BigUint) -> bool {
    let one = BigUint::from(1u32);
    let minus_one = number - 1u32;
    let twos = minus_one.trailing_zeros().unwrap_or(0);
    let odd = &minus_one >> twos;
    (0..ROUNDS).all(|_| {
        let mut power = below(rng, &minus_one).modpow(&odd, number);
        if power == one || power == minus_one {
            return true;
        }
        for _ in 1..twos {
            power = &power * &power % number;
            if power == minus_one {
                return true;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn primes_are_told_from_others() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        // Mersenne primes, a Carmichael number, a strong pseudoprime to base 2, a square.
        let cases: [(u128, bool); 6] = [
            ((1 << 61) - 1, true),
            ((1 << 127) - 1, true),
            (561, false),
            (2047, false),
            (65_537 * 65_537, false),
            ((1 << 89) + 1, false),
        ];
        for (number, expected) in cases {
            assert_eq!(is_prime(&mut rng, &BigUint::from(number)), expected, "{number}");
        }
    }

    #[test]
    fn made_primes_fit() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let prime = for_rsa(&mut rng, 256, 65_537);
        assert_eq!(prime.bits(), 256);
        let (p, q) = for_dsa(&mut rng, 512, 160);
        assert_eq!((p.bits(), q.bits()), (512, 160));
        assert_eq!((p - 1u32) % q, BigUint::ZERO);
    }
}
