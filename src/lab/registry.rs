//! The scenarios that the project has, and the files that they share.

use perforate_base::{Error, ErrorKind, Result};
use perforate_routing::{
    cascade, dendritic, early_exit, energy, experts, fuzzy, learned, perforated, precision, refine,
};

use super::claims::Claim;
use super::own::{OWN, OWN_CASCADE};
use super::scenario::{Reference, Scenario, Source};

const FASHION: Source = Source::Images([
    "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz",
    "models/data/fashion-mnist/t10k-labels-idx1-ubyte.gz",
]);
const MNIST: Source = Source::Images([
    "models/data/mnist/t10k-images-idx3-ubyte.gz",
    "models/data/mnist/t10k-labels-idx1-ubyte.gz",
]);
const SENTENCES: Source = Source::Sentences([
    "models/data/sentences/snippets.tsv.gz",
    "models/data/sentences/tokenizer.json",
]);
const FASHION_REFERENCES: [Reference; 3] = [
    Reference::Files(&["models/fashion-static-s.onnx"]),
    Reference::Files(&["models/fashion-static-m.onnx"]),
    Reference::Files(&["models/fashion-static-l.onnx"]),
];

const THREE_CNNS: [&str; 3] =
    ["models/fashion-light.onnx", "models/fashion-static-s.onnx", "models/fashion-full.onnx"];

const SENTENCES_DATA: &str = "movie-review snippets that are not in SST-2";
pub(super) const MINILM: [&str; 7] = [
    "models/sentences-embed.onnx",
    "models/sentences-layer1.onnx",
    "models/sentences-layer2.onnx",
    "models/sentences-layer3.onnx",
    "models/sentences-layer4.onnx",
    "models/sentences-layer5.onnx",
    "models/sentences-layer6.onnx",
];
const TOKENS: [&str; 6] = [
    "models/sentences-tokens1.onnx",
    "models/sentences-tokens2.onnx",
    "models/sentences-tokens3.onnx",
    "models/sentences-tokens4.onnx",
    "models/sentences-tokens5.onnx",
    "models/sentences-tokens6.onnx",
];
pub(super) const BLOCKS: [&str; 6] = [
    "models/sentences-blocks1.onnx",
    "models/sentences-blocks2.onnx",
    "models/sentences-blocks3.onnx",
    "models/sentences-blocks4.onnx",
    "models/sentences-blocks5.onnx",
    "models/sentences-blocks6.onnx",
];
const DSN: [&str; 2] = ["models/sentences-words.onnx", "models/sentences-dsn.onnx"];
const PLAIN: [&str; 2] = ["models/sentences-words.onnx", "models/sentences-dsn-plain.onnx"];
const TINY: [&str; 2] = ["models/sentences-words.onnx", "models/sentences-tiny.onnx"];

const GARMENTS: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
const SENTIMENTS: [&str; 2] = ["negative", "positive"];
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const DENDRITIC: &str = "The light model runs on every input. A gate reads what it computed and estimates how likely the full model is to answer otherwise. Only where that reaches the threshold does the full model run as well; else the light answer stands.";
const EARLY_EXIT: &str = "One network has small heads on its way. After each stage a head answers; if its best class is more probable than the threshold, the rest of the network is skipped.";

/// Its controller looks ahead; the greedy one shares the rest.
const PRECISION: Scenario = Scenario {
    name: "precision/sentences",
    strategy: precision::STRATEGY,
    title: "Precision switching",
    text: "Six layers, each in four bits, in eight and in f32; a budget decides which, looking ahead.",
    how: "Every layer of a transformer is at hand in three precisions. Before each, a controller compares what is left of an energy budget with what this layer’s variants are worth: it knows what each costs and how far it puts the answer off, and keeps what later layers can use better. Turn the budget while a sentence is on its way, and the layers still to come follow.",
    classes: &SENTIMENTS,
    model: "models/sentences-{embed,layer1,…,layer6}.onnx, quantised on loading",
    data: SENTENCES_DATA,
    epsilon: 0.02,
    parts: &[&MINILM],
    source: SENTENCES,
    claim: None,
    references: &[Reference::EightBits(&MINILM)],
};

/// Its knob is the target sparsity; with exits, it is their threshold.
const PERFORATED: Scenario = Scenario {
    name: "perforated/sentences",
    strategy: perforated::STRATEGY,
    title: "Token perforation",
    text: "Before each of six layers, the words that matter least are left out of all that follows.",
    how: "Before every layer of a transformer, two small linear layers judge each token by its hidden state. Tokens below a threshold are left out of this layer and all that follow; the first token always stays. The knob is the share that is to be left out, on average over the layers; a table learned with it says which threshold that takes before each.",
    classes: &SENTIMENTS,
    model: "models/sentences-{embed,layer1,…,layer6,tokens1,…,tokens6}.onnx",
    data: SENTENCES_DATA,
    epsilon: 0.02,
    parts: &[&MINILM, &TOKENS],
    source: SENTENCES,
    claim: None,
    references: &[Reference::Files(&TINY), EXITS],
};

/// Early exits at settings between which SST-2's loss crosses half a point.
const EXITS: Reference = Reference::Routed {
    strategy: early_exit::STRATEGY,
    parts: &[&MINILM],
    settings: &[0.85, 0.95],
};

/// All scenarios; the first is the one that a visitor sees.
pub const SCENARIOS: [Scenario; 17] = [
    Scenario {
        name: "dendritic/mlp",
        strategy: dendritic::STRATEGY,
        title: "Reference MLP",
        text: "An untrained MLP made from a seed, with a light arm and a gate fitted in closed form.",
        how: DENDRITIC,
        classes: &[],
        model: "built in memory from the seed",
        data: "synthetic, around 16 prototypes",
        epsilon: 0.02,
        parts: &[],
        source: Source::Seed,
        claim: None,
        references: &[],
    },
    Scenario {
        name: "dendritic/fashion",
        strategy: dendritic::STRATEGY,
        title: "Fashion-MNIST",
        text: "A residual CNN behind a learned gate, with a light CNN for the easy images.",
        how: DENDRITIC,
        classes: &GARMENTS,
        model: "models/fashion-{full,light,gate}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion-full.onnx",
            "models/fashion-light.onnx",
            "models/fashion-gate.onnx",
        ]],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "early-exit/mnist",
        strategy: early_exit::STRATEGY,
        title: "Early exit: MNIST",
        text: "A CNN with two exits on its way; the first that is sure answers.",
        how: EARLY_EXIT,
        classes: &DIGITS,
        model: "models/mnist-stage{1,2,3}.onnx",
        data: "MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/mnist-stage1.onnx",
            "models/mnist-stage2.onnx",
            "models/mnist-stage3.onnx",
        ]],
        source: MNIST,
        claim: None,
        references: &[],
    },
    Scenario {
        name: "early-exit/fashion",
        strategy: early_exit::STRATEGY,
        title: "Early exit: Fashion-MNIST",
        text: "A residual CNN with two exits on its way; the first that is sure answers.",
        how: EARLY_EXIT,
        classes: &GARMENTS,
        model: "models/fashion-stage{1,2,3}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion-stage1.onnx",
            "models/fashion-stage2.onnx",
            "models/fashion-stage3.onnx",
        ]],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "experts/fashion",
        strategy: experts::STRATEGY,
        title: "Mixture of experts",
        text: "A gate weighs what each of three CNNs would gain against its cost; the price is the knob.",
        how: "The light expert runs on every image, and a gate reads what it computed. It estimates for the dearer experts how much likelier they are to be right, for what they cost more. Where that ratio exceeds the price, which is the knob, the image climbs to the next expert.",
        classes: &GARMENTS,
        model: "models/fashion-{light,static-s,full,experts-gate}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion-light.onnx",
            "models/fashion-static-s.onnx",
            "models/fashion-full.onnx",
            "models/fashion-experts-gate.onnx",
        ]],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "refine/fashion",
        strategy: refine::STRATEGY,
        title: "Progressive refinement",
        text: "A cheap look at every image; where it is unsure, a careful one that reuses what the first has seen.",
        how: "A cheap pass looks at every image. Where its best class is less probable than the threshold, and the budget covers a second pass, the image is looked at again by a careful network, which takes over the maps that the first has computed.",
        classes: &GARMENTS,
        model: "models/fashion-{cheap,refinement}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&["models/fashion-cheap.onnx", "models/fashion-refinement.onnx"]],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "selection-energy/fashion",
        strategy: energy::STRATEGY,
        title: "Energy-aware selection",
        text: "A battery runs down: before each image, the best of four CNNs that what is left can pay for.",
        how: "Each of four models costs what its operations do, by precision: eight-bit ones a fifteenth of the others. The gates compare that with a budget, which whoever keeps the battery sets before each image. Greedy gives all that leaves enough for the cheapest model to answer the rest; paced gives each image its equal part of what is left.",
        classes: &GARMENTS,
        model: "models/fashion-{light,pruned-int8,full-int8,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion-light.onnx",
            "models/fashion-pruned-int8.onnx",
            "models/fashion-full-int8.onnx",
            "models/fashion-full.onnx",
        ]],
        source: FASHION,
        claim: None,
        references: &[],
    },
    Scenario {
        name: "selection-fuzzy/fashion",
        strategy: fuzzy::STRATEGY,
        title: "Fuzzy selection",
        text: "Fuzzy rules on contrast, edges and entropy of an image choose which of three CNNs answers.",
        how: "Contrast, edges and entropy of an image are LOW, MEDIUM or HIGH to a degree. Seven rules combine them, and the centroid of what they say is the image’s complexity. The more complex, the larger the model that answers. No model has to run for that, and nothing is learned.",
        classes: &GARMENTS,
        model: "models/fashion-{light,static-s,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&THREE_CNNS],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "selection-learned/fashion",
        strategy: learned::STRATEGY,
        title: "Learned selection",
        text: "The rival of the fuzzy rules: a score learned from the same three features of an image.",
        how: "The same three features as in the fuzzy selection, with their squares and products, weighted by ridge regression to tell where a model will disagree with the largest one. If this does not route well either, the features do not tell how hard an image is.",
        classes: &GARMENTS,
        model: "models/fashion-{light,static-s,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&THREE_CNNS],
        source: FASHION,
        claim: None,
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "early-exit/sentences",
        strategy: early_exit::STRATEGY,
        title: "Early exit: sentences",
        text: "A transformer of six layers with an exit after each; the first that is sure answers.",
        how: "A sentence passes six layers of a transformer. After each, a head looks at the mean over its words and answers; if its best class is more probable than the threshold, the layers that follow are skipped.",
        classes: &SENTIMENTS,
        model: "models/sentences-{embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&MINILM],
        source: SENTENCES,
        claim: None,
        references: &[Reference::Files(&TINY), Reference::EightBits(&MINILM)],
    },
    Scenario {
        name: "cascade/sentences",
        strategy: cascade::STRATEGY,
        title: "Cascade: sentences",
        text: "A network without encoder, then a tiny transformer, then a transformer of six layers.",
        how: "The mean of a sentence’s word embeddings, through one dendritic layer, answers first. Where its best class is less probable than the threshold, a transformer of two narrow layers reads the same embeddings. Where that is not sure either, the transformer of six layers reads the sentence anew, and may answer at those of its own exits that are better than the models before.",
        classes: &SENTIMENTS,
        model: "models/sentences-{words,dsn,tiny,embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &["models/sentences-tiny.onnx"], &MINILM],
        source: SENTENCES,
        claim: None,
        references: &[Reference::Files(&PLAIN), Reference::Files(&TINY)],
    },
    Scenario {
        name: "cascade-int8/sentences",
        strategy: cascade::IN_EIGHT_BITS,
        title: "Cascade in eight bits",
        text: "The same cascade, its large transformer and exits in eight-bit integers: routing times precision.",
        how: "As in the cascade, a network without encoder answers first, then a tiny transformer, then the transformer of six layers at those of its exits that are better than the models before; but its matrix products are in eight bits. A threshold that no confidence can reach leaves nothing to any of them: then the transformer runs in f32, which is the full model. Beside it stand the transformer in eight bits alone, and the cascade in f32: what each contributes can be read off.",
        classes: &SENTIMENTS,
        model: "models/sentences-{words,dsn,tiny,embed,layer1,…,layer6}.onnx, the last seven quantised on loading",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &["models/sentences-tiny.onnx"], &MINILM],
        source: SENTENCES,
        claim: None,
        references: &[
            Reference::Files(&TINY),
            Reference::EightBits(&MINILM),
            Reference::Routed {
                strategy: cascade::STRATEGY,
                parts: &[&DSN, &["models/sentences-tiny.onnx"], &MINILM],
                settings: &[0.9],
            },
        ],
    },
    Scenario {
        name: "dsn/sentences",
        strategy: cascade::STRATEGY,
        title: "No encoder: sentences",
        text: "How far a network without encoder goes, alone and before a transformer of six layers.",
        how: "The mean of a sentence’s word embeddings passes a dendritic layer, main(x) + Σ wᵢ⊙tanh(Dᵢ(x)), and a linear head: no word knows its neighbours. Where its best class is less probable than the threshold, the transformer of six layers reads the sentence, and may answer at those of its exits that are better. Static models beside it: the same with a plain layer, and a transformer of two narrow layers.",
        classes: &SENTIMENTS,
        model: "models/sentences-{words,dsn,embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &MINILM],
        source: SENTENCES,
        claim: Some(Claim::EncoderFree),
        references: &[Reference::Files(&PLAIN), Reference::Files(&TINY)],
    },
    PERFORATED,
    Scenario {
        name: "perforated-exits/sentences",
        strategy: perforated::WITH_EXITS,
        title: "Perforation with exits",
        text: "Tokens are left out and layers are skipped: both in one network.",
        how: "As in token perforation, three tenths of the tokens are left out, on average over the layers; and as in early exit, a head after each layer looks at the mean over those that are left and ends it if its best class is more probable than the threshold. A threshold that no confidence can reach leaves nothing out: that is the full model.",
        references: &[
            Reference::Files(&TINY),
            EXITS,
            Reference::Routed {
                strategy: perforated::STRATEGY,
                parts: &[&MINILM, &TOKENS],
                settings: &[0.4],
            },
        ],
        ..PERFORATED
    },
    PRECISION,
    Scenario {
        name: "precision-greedy/sentences",
        strategy: precision::GREEDY,
        title: "Precision, greedy",
        text: "The same layers and budget; each takes the best precision that is affordable now.",
        how: "As in precision switching, but before each layer the controller takes the dearest precision that leaves enough for all later layers at their cheapest: the first layers take what there is.",
        ..PRECISION
    },
];

/// The scenario of this name.
pub fn find(name: &str) -> Result<&'static Scenario> {
    SCENARIOS.iter().chain([&OWN, &OWN_CASCADE]).find(|scenario| scenario.name == name).ok_or_else(
        || {
            let known: Vec<_> = SCENARIOS.iter().map(|s| s.name).collect();
            Error::new(
                ErrorKind::Config,
                format!("there is no such scenario; there are {}", known.join(", ")),
            )
            .at(format!("scenario `{name}`"))
        },
    )
}
