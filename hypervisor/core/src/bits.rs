//! Fields of a register, by the bit numbers that the manual prints.

/// Bits `high` to `low` of `value`, moved down to bit 0; zero where the numbers make no field.
#[inline]
pub(crate) const fn field(value: u64, high: u32, low: u32) -> u64 {
    match value.checked_shr(low) {
        Some(shifted) => shifted & mask(high, low),
        None => 0,
    }
}

/// Whether bit `number` of `value` is set.
#[inline]
pub(crate) const fn bit(value: u64, number: u32) -> bool {
    field(value, number, number) == 1
}

/// As many ones as the field from `high` to `low` has bits.
#[inline]
const fn mask(high: u32, low: u32) -> u64 {
    match 63_u32.checked_sub(high.saturating_sub(low)) {
        Some(unused) => u64::MAX.wrapping_shr(unused),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_manual() {
        assert_eq!(field(0xabcd, 15, 12), 0xa);
        assert_eq!(field(u64::MAX, 63, 0), u64::MAX);
        assert!(bit(1 << 63, 63) && !bit(1 << 62, 63));
    }
}
