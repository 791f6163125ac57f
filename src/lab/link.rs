//! The page's address: what a link reproduces. What is wrong in one is told and left out.

use perforate_base::Named;

use super::catalogue::{SCENARIOS, find};
use super::catalogue::{Scenario, Source};
use super::experiment::Experiment;
use super::settings::{Settings, shortened};

/// Most pairs of an address that are read.
const MOST_PAIRS: usize = 64;

/// A tab of the page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tab {
    /// More charts.
    #[default]
    Explore,
    /// The model, and single inputs.
    Inside,
    /// Tables and files.
    Numbers,
    /// Models of the user's.
    Yours,
    /// How it is measured.
    Method,
}

impl Named for Tab {
    const ALL: &'static [Tab] = &[Tab::Explore, Tab::Inside, Tab::Numbers, Tab::Yours, Tab::Method];

    fn name(&self) -> &'static str {
        match self {
            Tab::Explore => "explore",
            Tab::Inside => "inside",
            Tab::Numbers => "numbers",
            Tab::Yours => "yours",
            Tab::Method => "method",
        }
    }
}

/// What stands in an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Whether less than usual is measured.
    pub quick: bool,
    /// What differs from the usual experiment.
    pub settings: Settings,
    /// Value of the knob, if it was moved.
    pub knob: Option<f32>,
    /// Whether routing is on.
    pub routing: bool,
    /// The tab that is open.
    pub tab: Tab,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            scenario: &SCENARIOS[0],
            quick: false,
            settings: Settings::default(),
            knob: None,
            routing: true,
            tab: Tab::default(),
        }
    }
}

impl Link {
    /// What a page measures of the scenario where nothing is set.
    pub fn usual(&self) -> Experiment {
        Experiment::in_page(self.scenario, self.quick)
    }

    /// Reads names and values; what is wrong is left out, with a sentence for each.
    pub fn decode(pairs: &[(String, String)]) -> (Link, Vec<String>) {
        let (mut link, mut complaints) = (Link::default(), vec![]);
        if pairs.len() > MOST_PAIRS {
            let text =
                format!("it has {} parts, of which the first {MOST_PAIRS} are read", pairs.len());
            complaints.push(format!("The address: {text}."));
        }
        let pairs =
            || pairs.iter().take(MOST_PAIRS).map(|(name, value)| (name.as_str(), value.as_str()));
        let mut complain = |name: &str, value: &str, why: &str| {
            let (name, value) = (shortened(name), shortened(value));
            complaints.push(format!("The address: {name}={value} is ignored ({why})."));
        };
        // What a value means depends on the scenario.
        for (name, value) in pairs() {
            match name {
                "scenario" => match find(value) {
                    Ok(scenario) if scenario.source == Source::Own => complain(
                        name,
                        value,
                        "a model of one's own is not in a link: drop it again",
                    ),
                    Ok(scenario) => link.scenario = scenario,
                    Err(_) => complain(name, value, "there is no such scenario"),
                },
                "quick" => link.quick = true,
                _ => {}
            }
        }
        let usual = link.usual();
        for (name, value) in pairs() {
            match name {
                "scenario" | "quick" => {}
                "knob" => match value.parse::<f32>() {
                    Ok(number) if number.is_finite() => link.knob = Some(number),
                    _ => complain(name, value, "it is not a number"),
                },
                "routing" => match value {
                    "on" => link.routing = true,
                    "off" => link.routing = false,
                    _ => complain(name, value, "it is on or off"),
                },
                "tab" => match Tab::from_name(value) {
                    Ok(tab) => link.tab = tab,
                    Err(_) => complain(name, value, "there is no such tab"),
                },
                name if Settings::knows(name) => {
                    let set = link.settings.set(&usual, name, value);
                    if let Err(error) = set {
                        complain(name, value, &error.to_string());
                    }
                }
                name => complain(name, value, "there is no such setting"),
            }
        }
        (link, complaints)
    }

    /// Names and values that [`Link::decode`] reads back.
    pub fn encode(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("scenario", self.scenario.name.to_string())];
        pairs.extend(self.quick.then(|| ("quick", String::new())));
        pairs.extend(self.settings.pairs());
        pairs.extend(self.knob.map(|knob| ("knob", knob.to_string())));
        pairs.extend((self.tab != Tab::default()).then(|| ("tab", self.tab.name().to_string())));
        pairs.extend((!self.routing).then(|| ("routing", "off".to_string())));
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pairs: &[(&str, &str)]) -> (Link, Vec<String>) {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        Link::decode(&pairs)
    }

    #[test]
    fn a_link_is_read_back() {
        let (link, complaints) = decode(&[
            ("epsilon", "1"),
            ("quick", ""),
            ("scenario", "early-exit/mnist"),
            ("knob", "0.875"),
            ("score", "margin"),
            ("routing", "off"),
            ("tab", "numbers"),
        ]);
        assert_eq!(complaints, [""; 0]);
        assert_eq!(
            (link.scenario.name, link.quick, link.knob),
            ("early-exit/mnist", true, Some(0.875))
        );
        let pairs: Vec<_> = link.encode().into_iter().map(|(n, v)| (n.to_string(), v)).collect();
        assert_eq!(pairs.len(), 7);
        assert_eq!(Link::decode(&pairs), (link, vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_and_left_out() {
        let long = "9".repeat(5000);
        for (name, value) in [
            ("scenario", "nothing/here"),
            ("scenario", ""),
            ("knob", "NaN"),
            ("knob", "left"),
            ("knob", &long),
            ("routing", "maybe"),
            ("tab", "nowhere"),
            ("epsilon", "-1"),
            ("epsilon", "1e400"),
            ("delta", "0"),
            ("batch", &long),
            ("batch", "-3"),
            ("score", "<script>"),
            ("loss", "\0"),
            ("seed", "1.5"),
            ("test", "0"),
            ("watts", "inf"),
            ("want-speedup", "NaN"),
            ("__proto__", "1"),
            ("\u{1F600}", "\u{1F600}"),
            ("", ""),
        ] {
            let (link, complaints) = decode(&[(name, value)]);
            assert_eq!(link, Link::default(), "{name}={value}");
            assert_eq!(complaints.len(), 1, "{name}={value}: {complaints:?}");
            assert!(complaints[0].len() < 300, "{}", complaints[0]);
        }
        let many = vec![("x", "1"); 1000];
        assert_eq!(decode(&many).1.len(), 65);
    }
}
