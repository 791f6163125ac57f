//! Memory in the order and place that kernels want: whole vectors in a line of the cache, and zeros when it is handed out.
//!
//! The kernels multiply whole tiles. Where a matrix does not fill the last one, what happened to lie in its memory is
//! multiplied along: no result depends on it, but the time does, since a product of denormal numbers, which small
//! integers read as floats are, takes some hundred cycles, and WebAssembly cannot have them flushed to zero. Without
//! this, a network with small maps took 3.0 ms in one page and 9.2 ms in the next.

use std::fmt;

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, with memory that holds zeros.
#[derive(Debug)]
pub struct ZeroedAllocator;

// SAFETY: all of it is the system's allocator; memory that holds zeros is memory.
unsafe impl GlobalAlloc for ZeroedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    // What grows are lists, and no tensors.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Numbers of a line of the cache, the longest vector there is.
const LINE: usize = 16;

/// A line of the cache.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Numbers that begin where a line of the cache does, so that no vector lies in two: those of 64 bytes are read at a
/// third of the speed otherwise.
#[derive(Clone, PartialEq, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// As many zeros.
    pub fn zeros(len: usize) -> Aligned {
        Aligned { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    /// At least as many numbers, whatever they are; those that are new are zeros.
    pub fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.lines.len() * LINE < len {
            self.lines.resize(len.div_ceil(LINE), Line([0.0; LINE]));
        }
        self.len = len;
        self.as_mut_slice()
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: a line is sixteen numbers without anything between or behind them.
        let all = unsafe {
            std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE)
        };
        &all[..self.len]
    }

    /// The numbers, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let count = self.lines.len() * LINE;
        // SAFETY: the same.
        let all = unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), count) };
        &mut all[..self.len]
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} aligned numbers", self.len)
    }
}
