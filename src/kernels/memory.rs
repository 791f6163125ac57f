//! Memory that holds zeros when it is handed out.
//!
//! The kernels multiply whole tiles. Where a matrix does not fill the last one, what happened to lie in its memory is
//! multiplied along: no result depends on it, but the time does, since a product of denormal numbers, which small
//! integers read as floats are, takes some hundred cycles, and WebAssembly cannot have them flushed to zero. Without
//! this, a network with small maps took 3.0 ms in one page and 9.2 ms in the next.

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
