//! The scenarios that the project has, and the files that they share.

use perforate_strategies::{
    battery, cascade, dendritic, early_exit, experts, fuzzy, learned, perforated, precision,
    refine, search,
};

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
    Reference::Files(&["models/fashion/static-s.onnx"]),
    Reference::Files(&["models/fashion/static-m.onnx"]),
    Reference::Files(&["models/fashion/static-l.onnx"]),
];

const THREE_CNNS: [&str; 3] =
    ["models/fashion/light.onnx", "models/fashion/static-s.onnx", "models/fashion/full.onnx"];

const SENTENCES_DATA: &str = "movie-review snippets that are not in SST-2";
const MINILM: [&str; 7] = [
    "models/sentences/embed.onnx",
    "models/sentences/layer1.onnx",
    "models/sentences/layer2.onnx",
    "models/sentences/layer3.onnx",
    "models/sentences/layer4.onnx",
    "models/sentences/layer5.onnx",
    "models/sentences/layer6.onnx",
];
const TOKENS: [&str; 6] = [
    "models/sentences/tokens1.onnx",
    "models/sentences/tokens2.onnx",
    "models/sentences/tokens3.onnx",
    "models/sentences/tokens4.onnx",
    "models/sentences/tokens5.onnx",
    "models/sentences/tokens6.onnx",
];
const DSN: [&str; 2] = ["models/sentences/words.onnx", "models/sentences/dsn.onnx"];
const PLAIN: [&str; 2] = ["models/sentences/words.onnx", "models/sentences/dsn-plain.onnx"];
const TINY: [&str; 2] = ["models/sentences/words.onnx", "models/sentences/tiny.onnx"];

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

/// Its controller looks ahead; the greedy one shares the rest.
const PRECISION: Scenario = Scenario {
    name: "precision/sentences",
    strategy: &precision::LookAhead,
    title: "Precision switching",
    text: "Six layers, each in four bits, in eight and in f32; a budget decides which, looking ahead.",
    how: None,
    classes: &SENTIMENTS,
    model: "models/sentences/{embed,layer1,…,layer6}.onnx, quantised on loading",
    data: SENTENCES_DATA,
    epsilon: 0.02,
    parts: &[&MINILM],
    source: SENTENCES,
    sections: &[],
    references: &[Reference::EightBits(&MINILM)],
};

/// Its knob is the target sparsity; with exits, it is their threshold.
const PERFORATED: Scenario = Scenario {
    name: "perforated/sentences",
    strategy: &perforated::Perforated,
    title: "Token perforation",
    text: "Before each of six layers, the words that matter least are left out of all that follows.",
    how: None,
    classes: &SENTIMENTS,
    model: "models/sentences/{embed,layer1,…,layer6,tokens1,…,tokens6}.onnx",
    data: SENTENCES_DATA,
    epsilon: 0.02,
    parts: &[&MINILM, &TOKENS],
    source: SENTENCES,
    sections: &[],
    references: &[Reference::Files(&TINY), EXITS],
};

/// Early exits at settings between which SST-2's loss crosses half a point.
const EXITS: Reference = Reference::Routed {
    strategy: &early_exit::EarlyExit,
    parts: &[&MINILM],
    settings: &[0.85, 0.95],
};

/// All scenarios; the first is the one that a visitor sees.
pub static SCENARIOS: [Scenario; 17] = [
    Scenario {
        name: "dendritic/mlp",
        strategy: &dendritic::Dendritic,
        title: "Reference MLP",
        text: "An untrained MLP made from a seed, with a light model and a gate fitted in closed form.",
        how: None,
        classes: &[],
        model: "built in memory from the seed",
        data: "synthetic, around 16 prototypes",
        epsilon: 0.02,
        parts: &[],
        source: Source::Seed,
        sections: &[],
        references: &[],
    },
    Scenario {
        name: "dendritic/fashion",
        strategy: &dendritic::Dendritic,
        title: "Fashion-MNIST",
        text: "A residual CNN behind a learned gate, with a light CNN for the easy images.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{full,light,gate}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion/full.onnx",
            "models/fashion/light.onnx",
            "models/fashion/gate.onnx",
        ]],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "early-exit/mnist",
        strategy: &early_exit::EarlyExit,
        title: "Early exit: MNIST",
        text: "A CNN with two exits on its way; the first that is sure answers.",
        how: None,
        classes: &DIGITS,
        model: "models/mnist/stage{1,2,3}.onnx",
        data: "MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/mnist/stage1.onnx",
            "models/mnist/stage2.onnx",
            "models/mnist/stage3.onnx",
        ]],
        source: MNIST,
        sections: &[],
        references: &[],
    },
    Scenario {
        name: "early-exit/fashion",
        strategy: &early_exit::EarlyExit,
        title: "Early exit: Fashion-MNIST",
        text: "A residual CNN with two exits on its way; the first that is sure answers.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/stage{1,2,3}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion/stage1.onnx",
            "models/fashion/stage2.onnx",
            "models/fashion/stage3.onnx",
        ]],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "experts/fashion",
        strategy: &experts::Experts,
        title: "Mixture of experts",
        text: "A gate weighs what each of three CNNs would gain against its cost; the price is the knob.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{light,static-s,full,experts-gate}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion/light.onnx",
            "models/fashion/static-s.onnx",
            "models/fashion/full.onnx",
            "models/fashion/experts-gate.onnx",
        ]],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "refine/fashion",
        strategy: &refine::Refine,
        title: "Progressive refinement",
        text: "A cheap look at every image; where it is unsure, a careful one that reuses what the first has seen.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{cheap,refinement}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&["models/fashion/cheap.onnx", "models/fashion/refinement.onnx"]],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "selection-energy/fashion",
        strategy: &battery::Battery,
        title: "Energy-aware selection",
        text: "A battery runs down: before each image, the best of four CNNs that what is left can pay for.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{light,pruned-int8,full-int8,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&[
            "models/fashion/light.onnx",
            "models/fashion/pruned-int8.onnx",
            "models/fashion/full-int8.onnx",
            "models/fashion/full.onnx",
        ]],
        source: FASHION,
        sections: &[],
        references: &[],
    },
    Scenario {
        name: "selection-fuzzy/fashion",
        strategy: &fuzzy::Fuzzy,
        title: "Fuzzy selection",
        text: "Fuzzy rules on contrast, edges and entropy of an image choose which of three CNNs answers.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{light,static-s,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&THREE_CNNS],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "selection-learned/fashion",
        strategy: &learned::Learned,
        title: "Learned selection",
        text: "The rival of the fuzzy rules: a score learned from the same three features of an image.",
        how: None,
        classes: &GARMENTS,
        model: "models/fashion/{light,static-s,full}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        parts: &[&THREE_CNNS],
        source: FASHION,
        sections: &[],
        references: &FASHION_REFERENCES,
    },
    Scenario {
        name: "early-exit/sentences",
        strategy: &early_exit::EarlyExit,
        title: "Early exit: sentences",
        text: "A transformer of six layers with an exit after each; the first that is sure answers.",
        how: Some(
            "A sentence passes six layers of a transformer. After each, a head looks at the mean over its words and answers; if its best class is more probable than the threshold, the remaining layers are skipped.",
        ),
        classes: &SENTIMENTS,
        model: "models/sentences/{embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&MINILM],
        source: SENTENCES,
        sections: &[],
        references: &[Reference::Files(&TINY), Reference::EightBits(&MINILM)],
    },
    Scenario {
        name: "cascade/sentences",
        strategy: &cascade::Cascade,
        title: "Cascade: sentences",
        text: "A network without encoder, then a tiny transformer, then a transformer of six layers.",
        how: Some(
            "The mean of a sentence’s word embeddings, through one dendritic layer, answers first. Where its best class is less probable than the threshold, a transformer of two narrow layers reads the same embeddings. Where that is not sure either, the transformer of six layers reads the sentence, and may answer at those of its own exits that are better than the models before.",
        ),
        classes: &SENTIMENTS,
        model: "models/sentences/{words,dsn,tiny,embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &["models/sentences/tiny.onnx"], &MINILM],
        source: SENTENCES,
        sections: &[],
        references: &[Reference::Files(&PLAIN), Reference::Files(&TINY)],
    },
    Scenario {
        name: "cascade-int8/sentences",
        strategy: &cascade::CascadeInEightBits,
        title: "Cascade in eight bits",
        text: "The same cascade, its large transformer and exits in eight-bit integers: routing times precision.",
        how: None,
        classes: &SENTIMENTS,
        model: "models/sentences/{words,dsn,tiny,embed,layer1,…,layer6}.onnx, the last seven quantised on loading",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &["models/sentences/tiny.onnx"], &MINILM],
        source: SENTENCES,
        sections: &[],
        references: &[
            Reference::Files(&TINY),
            Reference::EightBits(&MINILM),
            Reference::Routed {
                strategy: &cascade::Cascade,
                parts: &[&DSN, &["models/sentences/tiny.onnx"], &MINILM],
                settings: &[0.9],
            },
        ],
    },
    Scenario {
        name: "dsn/sentences",
        strategy: &cascade::Cascade,
        title: "No encoder: sentences",
        text: "How far a network without encoder goes, alone and before a transformer of six layers.",
        how: Some(
            "The mean of a sentence’s word embeddings passes a dendritic layer, main(x) + Σ wᵢ⊙tanh(Dᵢ(x)), and a linear head: words do not see each other. Where its best class is less probable than the threshold, the transformer of six layers reads the sentence, and may answer at those of its exits that are better. Two static models stand beside it: the same with a plain layer, and a transformer of two narrow layers.",
        ),
        classes: &SENTIMENTS,
        model: "models/sentences/{words,dsn,embed,layer1,…,layer6}.onnx",
        data: SENTENCES_DATA,
        epsilon: 0.02,
        parts: &[&DSN, &MINILM],
        source: SENTENCES,
        sections: &[cascade::claim::without_encoder],
        references: &[Reference::Files(&PLAIN), Reference::Files(&TINY)],
    },
    PERFORATED,
    Scenario {
        name: "perforated-exits/sentences",
        strategy: &perforated::PerforatedWithExits,
        title: "Perforation with exits",
        text: "Tokens are left out and layers are skipped: both in one network.",
        how: None,
        references: &[
            Reference::Files(&TINY),
            EXITS,
            Reference::Routed {
                strategy: &perforated::Perforated,
                parts: &[&MINILM, &TOKENS],
                settings: &[0.4],
            },
        ],
        ..PERFORATED
    },
    PRECISION,
    Scenario {
        name: "precision-greedy/sentences",
        strategy: &precision::Greedy,
        title: "Precision, greedy",
        text: "The same layers and budget; each takes the best precision that is affordable now.",
        how: None,
        ..PRECISION
    },
];

/// What a model of the user's is measured as.
pub static OWN: Scenario = Scenario {
    name: "own/early-exit",
    strategy: &search::FoundExits,
    title: "Your own model",
    text: "Exits that were fitted in closed form to the model’s own answers.",
    how: None,
    classes: &[],
    model: "your model",
    data: "your inputs",
    epsilon: 0.01,
    parts: &[],
    source: Source::Own,
    sections: &[],
    references: &[],
};

/// What several models of the user's are measured as.
pub static OWN_CASCADE: Scenario = Scenario {
    name: "own/cascade",
    strategy: &search::FoundCascade,
    title: "Your own models",
    text: "The cheap ones first, and the costliest only where they are not sure.",
    how: None,
    model: "your models",
    ..OWN
};
