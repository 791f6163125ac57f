//! Sizes.

/// What a convolution computes, but for its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Channels read.
    pub inputs: usize,
    /// Channels written.
    pub outputs: usize,
    /// Height and width, as in all that follows.
    pub kernel: [usize; 2],
    /// From one result to the next.
    pub strides: [usize; 2],
    /// From one weight to the next.
    pub dilations: [usize; 2],
    /// Zeros above and left.
    pub before: [usize; 2],
    /// Zeros below and right.
    pub after: [usize; 2],
    /// Parts of the channels that have nothing to do with one another.
    pub groups: usize,
}

/// Sizes of an image; its channels are those of the convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Image {
    /// Images.
    pub rows: usize,
    /// Height.
    pub height: usize,
    /// Width.
    pub width: usize,
}

impl Geometry {
    /// Height and width of the result.
    pub fn result(&self, image: Image) -> [usize; 2] {
        let of = |size: usize, axis: usize| {
            let reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
            let all = size + self.before[axis] + self.after[axis];
            if all < reach { 0 } else { (all - reach) / self.strides[axis] + 1 }
        };
        [of(image.height, 0), of(image.width, 1)]
    }

    /// Whether each output reads one input.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.inputs && self.groups == self.outputs
    }

    /// Whether Winograd's algorithm serves.
    pub(super) fn is_three_by_three(&self) -> bool {
        self.kernel == [3, 3]
            && self.strides == [1, 1]
            && self.dilations == [1, 1]
            && self.groups == 1
    }
}
