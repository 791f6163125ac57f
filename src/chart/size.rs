//! The size of a figure.

/// Size of the figure in CSS pixels, and how many device pixels make one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
    pub device_pixel_ratio: f64,
}

impl Size {
    /// Pixel size of the bitmap that the figure needs: set the canvas to exactly this.
    pub fn device(&self) -> (u32, u32) {
        let side = |css: f64| (css * self.ratio()).round().clamp(1.0, 16_384.0) as u32;
        (side(self.width), side(self.height))
    }

    pub(super) fn ratio(&self) -> f64 {
        if self.device_pixel_ratio.is_finite() && self.device_pixel_ratio > 0.0 {
            self.device_pixel_ratio.min(8.0)
        } else {
            1.0
        }
    }
}
