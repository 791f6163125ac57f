//! A pool: any models that read the same inputs, asked cheapest first. Their answers are averaged as they come, and a gate
//! behind each predicts whether the average is lost if it stands. The file is composed by [`perforate_routing::pool`].

mod found;

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, LightRole};
use perforate_data::Samples;
use perforate_onnx::Component;
use perforate_routing::pool::compose::{KNOB, Pool, RANGE};
#[cfg(feature = "commands")]
use perforate_routing::search::{Found, Parts, pool};
use perforate_routing::search::{Options, PoolSearch};

#[cfg(feature = "commands")]
use crate::command::{Argument, Host, Value};
use crate::glyph;
use crate::recipe::{numbered, provenance};
#[cfg(feature = "commands")]
use crate::search;
#[cfg(feature = "commands")]
use crate::strategy::Route;
use crate::strategy::{Ingredients, Models, RoutingSearch, Strategy};

/// Name of the strategy.
pub const NAME: &str = "pool";

/// What `--give` may ask for.
#[cfg(feature = "commands")]
const GIVEN: [&str; 2] = ["router", "judges"];

/// A pool: of models and judges that were fitted before, or found among the user's models.
#[derive(Debug)]
pub struct PoolOfModels;

impl Strategy for PoolOfModels {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        "The cheapest model answers first. A gate predicts from its answer whether that is lost if it stands, and weighs this against what the next model costs. Where the next one runs, the answers so far are averaged, which makes them better than either alone, and another gate looks at the average. The last model answers for itself."
    }

    fn glyph(&self) -> &'static str {
        glyph!(
            r#"<path d="M1 14h6M17 14h5M34 14h4M9 20v5h33v-3"/><rect x="4" y="9" width="8" height="10"/><rect x="17" y="6" width="11" height="15"/><rect x="33" y="2" width="14" height="20"/><path class="gate" d="M14.5 10l4 4-4 4-4-4z"/>"#
        )
    }

    /// The models, cheapest first, then the file of their judges.
    fn recipe(&self, input: Ingredients<'_>) -> Result<Models> {
        let mut models = input.parts;
        let mut roles = numbered("model", models.len());
        if let Some(last) = roles.last_mut() {
            *last = "judges".into();
        }
        let provenance = provenance(&roles, &models);
        let judges =
            models.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "there are no parts"))?;
        let pool = Pool { models, judges };
        let routed = pool.compose(NAME, RANGE.default, provenance)?;
        Ok(Models {
            full: pool.alone(pool.models.len() - 1).model().clone(),
            light: pool.alone(0).model().clone(),
            routed,
            knob: KNOB,
            range: RANGE,
            active: Active::Operations,
            light_role: LightRole::GateReads,
            companion: Arc::new(()),
        })
    }

    fn search(
        &self,
        models: Vec<Component>,
        fitting: Samples,
        options: Options,
    ) -> Option<Result<Box<dyn RoutingSearch>>> {
        let search = PoolSearch::new(models, fitting, options);
        Some(search.map(|search| Box::new(search) as Box<dyn RoutingSearch>))
    }

    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        let models = "Files of whole models that read the same inputs; the costliest is the one to be replaced";
        let inputs = "Inputs on which to choose models and fit their judges, with labels where there are some; the more, the better";
        let judges = "Judges that were fitted before, for the models as given, cheapest first";
        let give = "Write the routed model, or its judges alone";
        let mut arguments = vec![
            Argument::new("models", Value::Files(2), models),
            Argument::new("inputs", Value::OptionalFile, inputs),
            Argument::new("judges", Value::OptionalFile, judges),
            Argument::new("give", Value::Choice(GIVEN.to_vec()), give),
        ];
        arguments.extend(search::arguments());
        let threshold = "Default of the knob; `perforate calibrate` chooses one with a guarantee";
        arguments.push(Argument::new("threshold", Value::Number(Some(RANGE.default)), threshold));
        Some(Route {
            name: "pool",
            about: "The best router that a search finds in a pool of models",
            arguments,
        })
    }

    #[cfg(feature = "commands")]
    fn compose(&self, host: &dyn Host) -> Result<perforate_onnx::pb::ModelProto> {
        let provenance = host.numbered("model", "models")?;
        let threshold = host.number("threshold");
        if let Some(judges) = host.components("judges")?.pop() {
            let pool = Pool { models: host.components("models")?, judges };
            return pool.compose(NAME, threshold, provenance);
        }
        let found = searched(host)?;
        match (&found.parts, host.word("give").as_str()) {
            (Parts::Pool(pool), "judges") => Ok(pool.judges.model().clone()),
            _ => found.compose(NAME, threshold, provenance),
        }
    }
}

/// Searches the models on the inputs, and prints what came of it.
#[cfg(feature = "commands")]
fn searched(host: &dyn Host) -> Result<Found> {
    let given = search::given(host, "models")?.ok_or_else(|| {
        let text = "give inputs to fit on, or judges that were fitted before";
        Error::new(ErrorKind::Config, text).at("--inputs")
    })?;
    let options = Options { risk: f64::from(host.number("epsilon")), ..Options::default() };
    let found = pool(given.models, given.samples, options)?;
    search::say(host, &found)?;
    Ok(found)
}
