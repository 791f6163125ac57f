//! Versioned results, as JSON, CSV and Markdown. The field names are a contract: others read them.
//!
//! | module | holds |
//! |---|---|
//! | `schema` | the report and its core; `point`, `parts`, `models` and `targets` are parts of that |
//! | `section` | what a strategy or a scenario adds |
//! | `write` | measurements become a report |
//! | [`text`], `verdict`, `chosen` | figures and findings in words; what they are about |
//! | [`table`], `tables`, [`page_tables`] | CSV and Markdown; tables of the page |
//! | [`plots`] | the charts |
//! | [`usage`] | how a routed model is run elsewhere |

mod chosen;
mod models;
pub mod page_tables;
mod parts;
pub mod plots;
mod point;
mod robustness;
mod schema;
mod section;
pub mod table;
mod tables;
mod targets;
pub mod text;
pub mod usage;
mod verdict;
mod write;

pub use chosen::effective_loss;
pub use models::ModelReport;
pub use parts::{MemoryReport, SegmentReport, TemperatureReport};
pub use point::{DenseReport, EnergyReport, PerCorrect, PointReport, TimingReport};
pub use robustness::RobustnessReport;
pub use schema::{
    DataReport, FiguresReport, FileReport, Host, MixtureReport, OperatingPoint,
    OtherStrategyReport, References, Report, RiskReport, SCHEMA, ScenarioReport, TRACT,
};
pub use section::{LiveLabels, Section, SectionPlot};
pub use table::{Column, Row, Table};
pub use tables::PointRow;
pub use targets::{TargetReport, Targets};
pub use verdict::{Words, words};
pub use write::{Context, core_report};
