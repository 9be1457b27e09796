//! A list with a fixed number of places.
//!
//! A guest has no heap; what the device tree may hold any number of has a bound here, and going beyond it
//! is an error and not a panic.

/// Up to `N` values, in the order in which they were added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<T, const N: usize> {
    places: [T; N],
    length: usize,
}

impl<T: Copy + Default, const N: usize> List<T, N> {
    /// A list of nothing.
    pub(crate) fn new() -> Self {
        Self { places: [T::default(); N], length: 0 }
    }

    /// Adds `value` at the end, or returns `None` if there is no place left.
    pub(crate) fn push(&mut self, value: T) -> Option<()> {
        *self.places.get_mut(self.length)? = value;
        self.length += 1;
        Some(())
    }

    /// What was added.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.places[..self.length]
    }
}
