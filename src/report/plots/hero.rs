//! The page's first chart: accuracy against speed-up, with names at the marks and references in groups that can be hidden.

use perforate_base::Named;
use perforate_chart::{Naming, Plot, Role};

use crate::schema::ScenarioReport;

/// References that are shown or hidden together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Static models of other sizes.
    Smaller,
    /// Routers and mixtures that choose at random.
    Random,
    /// Models of other strategies.
    Others,
    /// What no router can exceed.
    Oracles,
    /// What the segments' times predict, and the Pareto front.
    Predicted,
}

impl Named for Layer {
    const ALL: &'static [Layer] =
        &[Layer::Smaller, Layer::Random, Layer::Others, Layer::Oracles, Layer::Predicted];

    fn name(&self) -> &'static str {
        match self {
            Layer::Smaller => "smaller",
            Layer::Random => "random",
            Layer::Others => "others",
            Layer::Oracles => "oracles",
            Layer::Predicted => "predicted",
        }
    }
}

impl Layer {
    /// What is shown unless somebody asks for something else.
    pub const USUAL: [Layer; 3] = [Layer::Smaller, Layer::Random, Layer::Others];

    /// What it is called, for people.
    pub fn title(self) -> &'static str {
        match self {
            Layer::Smaller => "Smaller models",
            Layer::Random => "Random",
            Layer::Others => "Other strategies",
            Layer::Oracles => "Oracles",
            Layer::Predicted => "Prediction",
        }
    }

    /// The layer of a role; none for what is always shown.
    fn of(role: Role) -> Option<Layer> {
        match role {
            Role::Static => Some(Layer::Smaller),
            Role::Random | Role::Mixture => Some(Layer::Random),
            Role::Reference => Some(Layer::Others),
            Role::Oracle | Role::Agreement => Some(Layer::Oracles),
            Role::Dense | Role::Front => Some(Layer::Predicted),
            _ => None,
        }
    }

    /// The layers that a report has something for.
    pub fn in_report(report: &ScenarioReport) -> Vec<Layer> {
        let references = &report.references;
        let has = |layer: &Layer| match layer {
            Layer::Smaller => !references.statics.is_empty(),
            Layer::Others => !references.other_strategies.is_empty(),
            Layer::Random | Layer::Oracles | Layer::Predicted => true,
        };
        Layer::ALL.iter().copied().filter(has).collect()
    }
}

/// A trade-off plot with names at its marks, and these layers alone.
pub fn at_marks(mut plot: Plot, shown: &[Layer]) -> Plot {
    let selected = plot.selected.map(|(series, point)| (plot.series[series].role, point));
    plot.series.retain(|series| Layer::of(series.role).is_none_or(|layer| shown.contains(&layer)));
    plot.selected = selected.and_then(|(role, point)| {
        Some((plot.series.iter().position(|series| series.role == role)?, point))
    });
    plot.naming = Naming::AtMarks;
    plot
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_chart::{Point, Series};

    #[test]
    fn hidden_layers_leave_and_the_ring_stays_on_its_point() {
        let series = |name: &str, role| Series {
            name: name.into(),
            role,
            points: vec![Point { x: 1.0, y: 1.0, ..Point::default() }; 2],
        };
        let mut plot = Plot {
            series: vec![
                series("oracle", Role::Oracle),
                series("routed", Role::Curve),
                series("full", Role::Full),
                series("random router", Role::Random),
            ],
            ..Plot::default()
        };
        plot.selected = Some((1, 1));
        let shown = at_marks(plot.clone(), &Layer::USUAL);
        let names: Vec<&str> = shown.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["routed", "full", "random router"]);
        assert_eq!((shown.selected, shown.naming), (Some((0, 1)), Naming::AtMarks));
        assert_eq!(at_marks(plot, &[]).series.len(), 2);
    }
}
