//! From a place on the figure back to the point that was drawn there.

/// A rectangle in CSS pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    /// Whether a place lies inside or on the edge, with half a pixel of tolerance.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        x >= self.left - 0.5
            && x <= self.right + 0.5
            && y >= self.top - 0.5
            && y <= self.bottom + 0.5
    }
}

/// A point under the pointer, and where its centre was painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub series: usize,
    pub point: usize,
    pub css_x: f64,
    pub css_y: f64,
}

/// Where every point with a label was painted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HitMap {
    pub(super) area: Area,
    pub(super) hits: Vec<Hit>,
}

impl HitMap {
    /// The nearest point no farther than `max_css_distance`; of equally near ones, the one on top.
    pub fn nearest(&self, css_x: f64, css_y: f64, max_css_distance: f64) -> Option<Hit> {
        let distance = |h: &Hit| (h.css_x - css_x).hypot(h.css_y - css_y);
        let mut best: Option<(f64, Hit)> = None;
        for hit in &self.hits {
            let d = distance(hit);
            if d <= max_css_distance && best.is_none_or(|(b, _)| d <= b) {
                best = Some((d, *hit));
            }
        }
        best.map(|(_, hit)| hit)
    }

    /// Where a point was painted, in CSS pixels.
    pub fn position(&self, series: usize, point: usize) -> Option<(f64, f64)> {
        let hit = self.hits.iter().find(|h| (h.series, h.point) == (series, point))?;
        Some((hit.css_x, hit.css_y))
    }

    /// The rectangle between the axes.
    pub fn area(&self) -> Area {
        self.area
    }
}
