//! The page's bindings: the only place that knows JS values, and the canvas.

#![cfg(target_arch = "wasm32")]

mod clock;
mod messages;

use std::collections::HashMap;

use plotters_canvas::CanvasBackend;
use serde::Serialize;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use perforate_bench::kernels;
use perforate_chart::{HitMap, Size, Theme};
use perforate_data::pictures::Pixels;
use perforate_kernels::memory::{ZeroedAllocator, run_constructors};
use perforate_lab::chosen_files::{self, ChosenFile};
use perforate_lab::picture_form::FormTexts;
use perforate_lab::worker::{Event, FetchFault, FileRequest};
use perforate_lab::{Picture, sample, view, worker};

use clock::BrowserClock;

#[global_allocator]
static ALLOCATOR: ZeroedAllocator = ZeroedAllocator;

/// How near the pointer must be to a point to mean it, in CSS pixels.
const HOVER: f64 = 18.0;

fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

/// Once, before everything else; the message of a panic is to be seen in the console.
#[wasm_bindgen(start)]
pub fn start() {
    run_constructors();
    console_error_panic_hook::set_once();
}

/// Times the products of one shape in eight and four bits against the one in f32.
#[wasm_bindgen]
pub fn time_integers(rows: usize, k: usize, n: usize, rounds: usize) -> Result<JsValue, JsError> {
    let timing = kernels::integers(&BrowserClock::default(), [rows, k, n], rounds);
    to_js(&timing.map_err(|e| JsError::new(&e.to_string()))?)
}

/// The measuring side, for the worker.
#[wasm_bindgen]
pub struct Lab(worker::Lab<BrowserClock>);

#[wasm_bindgen]
impl Lab {
    /// Nothing opened yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // JS has no Default
    pub fn new() -> Lab {
        Lab(worker::Lab::new(BrowserClock::default()))
    }

    /// Takes a command; returns events.
    pub fn command(&mut self, command: JsValue) -> Result<JsValue, JsError> {
        to_js(&self.0.command(messages::command(command)?))
    }

    /// Takes a file; returns events.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Result<JsValue, JsError> {
        to_js(&self.0.supply(name, bytes))
    }

    /// Takes a decoded picture, its pixels as red, green, blue, alpha; returns events.
    pub fn picture(
        &mut self,
        path: &str,
        width: usize,
        height: usize,
        rgba: &[u8],
    ) -> Result<JsValue, JsError> {
        to_js(&self.0.picture(path, Pixels { width, height, rgba }))
    }

    /// That a picture could not be decoded; returns events.
    pub fn no_picture(&self, path: &str) -> Result<JsValue, JsError> {
        to_js(&[Event::no_picture(path)])
    }

    /// How many pictures of all are decoded; returns events.
    pub fn reading_pictures(&self, done: usize, all: usize) -> Result<JsValue, JsError> {
        to_js(&[Event::reading_pictures(done, all)])
    }

    /// That a file could not be fetched, and why; returns events.
    pub fn not_fetched(&self, file: JsValue, fault: JsValue) -> Result<JsValue, JsError> {
        let file: FileRequest = serde_wasm_bindgen::from_value(file)?;
        let fault: FetchFault = serde_wasm_bindgen::from_value(fault)?;
        to_js(&[Event::not_fetched(&file, &fault)])
    }

    /// The user's inputs as they are kept: pictures are an `.npz` file by now.
    pub fn inputs(&self) -> Option<Vec<u8>> {
        self.0.inputs().map(|(_, bytes)| bytes.to_vec())
    }

    /// Does one slice of work; returns events.
    pub fn step(&mut self) -> Result<JsValue, JsError> {
        to_js(&self.0.step())
    }

    /// Outputs of the last run of a dropped model on a dropped file, as an `.npz` file.
    pub fn outputs(&self) -> Result<Option<Vec<u8>>, JsError> {
        self.0.outputs().transpose().map_err(|e| JsError::new(&e.to_string()))
    }

    /// The routed model as an ONNX file, with this default of its knob.
    pub fn routed_model(&self, knob: f32) -> Result<Vec<u8>, JsError> {
        self.0.routed_model(knob).map_err(|e| JsError::new(&e.to_string()))
    }

    /// The full model as an ONNX file.
    pub fn full_model(&self) -> Result<Vec<u8>, JsError> {
        self.0.full_model().map_err(|e| JsError::new(&e.to_string()))
    }

    /// What another runtime is given, to be compared with.
    pub fn peer_case(&mut self) -> Result<JsValue, JsError> {
        to_js(&self.0.peer_case().map_err(|e| JsError::new(&e.to_string()))?)
    }

    /// A turn of our own: seconds.
    pub fn peer_turn(&mut self) -> Result<f64, JsError> {
        self.0.peer_turn().map_err(|e| JsError::new(&e.to_string()))
    }

    /// Whether there is work.
    pub fn busy(&self) -> bool {
        self.0.is_busy()
    }
}

/// What the page shows.
#[wasm_bindgen]
pub struct View {
    view: view::View,
    dark: bool,
    maps: HashMap<String, HitMap>,
}

/// Grey values as red, green, blue, alpha.
fn pixels(picture: Option<&Picture>) -> Vec<u8> {
    let grey = picture.map_or(&[][..], |picture| &picture.grey);
    grey.iter().flat_map(|&value| [value, value, value, u8::MAX]).collect()
}

/// What is under the pointer.
#[derive(Serialize)]
struct Hover {
    text: String,
    knob: Option<usize>,
    x: f64,
    y: f64,
}

#[wasm_bindgen]
impl View {
    /// A view of what an address asks for: names and values.
    #[wasm_bindgen(constructor)]
    pub fn new(dark: bool, address: JsValue) -> Result<View, JsError> {
        let address: Vec<(String, String)> = serde_wasm_bindgen::from_value(address)?;
        Ok(View { view: view::View::at(&address), dark, maps: HashMap::new() })
    }

    /// Turns to another scenario.
    pub fn choose(&mut self, scenario: &str) {
        self.view.choose(scenario);
    }

    /// Sets what is measured, or how it is judged; returns what is wrong with that, if anything is.
    pub fn set(&mut self, setting: &str, text: &str) -> Option<String> {
        self.view.set(setting, text).err().map(|error| error.to_string())
    }

    /// The command that measures what is asked for.
    pub fn request(&self) -> Result<JsValue, JsError> {
        to_js(&self.view.request())
    }

    /// The command that routes the newest of the user's models, or all of them as one.
    pub fn route(&self, all: bool) -> Result<JsValue, JsError> {
        to_js(&self.view.route(all))
    }

    /// The command that runs the study of a section.
    pub fn study(&self, section: &str) -> Result<JsValue, JsError> {
        to_js(&self.view.study(section))
    }

    /// The command that takes an input one gate further, at this value of the knob.
    pub fn live(&self, section: &str, value: f32) -> Result<JsValue, JsError> {
        to_js(&self.view.live(section, value))
    }

    /// The files that a sample of models and inputs is made of.
    pub fn sample_files(&self) -> Result<JsValue, JsError> {
        to_js(&sample::FILES)
    }

    /// The sample's inputs as an `.npz` file, of these images and labels.
    pub fn sample_inputs(&self, images: &[u8], labels: &[u8]) -> Result<Vec<u8>, JsError> {
        sample::inputs(images, labels).map_err(|e| JsError::new(&e.to_string()))
    }

    /// What becomes of files that were chosen or dropped.
    pub fn sort_files(&self, files: JsValue) -> Result<JsValue, JsError> {
        let files: Vec<ChosenFile> = serde_wasm_bindgen::from_value(files)?;
        to_js(&self.view.sort_files(&files))
    }

    /// That the browser could not read a file, and why.
    pub fn unreadable(&self, file: &str, reason: &str) -> String {
        chosen_files::unreadable(file, reason)
    }

    /// The form of pictures that these texts make of the model's.
    pub fn picture_form(&self, texts: JsValue) -> Result<JsValue, JsError> {
        let texts: FormTexts = serde_wasm_bindgen::from_value(texts)?;
        to_js(&self.view.picture_form(&texts).map_err(|e| JsError::new(&e.to_string()))?)
    }

    /// Notes how many bytes of memory the measuring side has taken.
    pub fn set_memory(&mut self, bytes: f64) {
        self.view.set_memory(bytes);
    }

    /// The value of the knob.
    pub fn knob(&self) -> Option<f32> {
        self.view.knob()
    }

    /// Takes an event of the worker.
    pub fn apply(&mut self, event: JsValue) -> Result<(), JsError> {
        self.view.apply(messages::event(event)?);
        Ok(())
    }

    /// Everything to show, as text.
    pub fn state(&self) -> Result<JsValue, JsError> {
        to_js(&self.view.state())
    }

    /// Moves the knob.
    pub fn set_knob(&mut self, index: usize) {
        self.view.set_knob(index);
    }

    /// Routing on, or the full model alone.
    pub fn set_routing(&mut self, on: bool) {
        self.view.set_routing(on);
    }

    /// Looks at another sample.
    pub fn set_sample(&mut self, index: usize) {
        self.view.set_sample(index);
    }

    /// Shows other samples.
    pub fn set_filter(&mut self, name: &str) {
        self.view.set_filter(name);
    }

    /// What a measurement is kept under; see [`view::View::record_key`].
    pub fn record_key(&self) -> Option<String> {
        self.view.record_key()
    }

    /// Says that what follows was measured at this date, on this device.
    pub fn restore(&mut self, date: &str) {
        self.view.restore(date);
    }

    /// The last verdict in a few words.
    pub fn verdict_note(&self) -> Option<String> {
        self.view.verdict_note()
    }

    /// Notes the last verdict of a scenario.
    pub fn remember_verdict(&mut self, scenario: &str, note: &str) {
        self.view.remember_verdict(scenario, note);
    }

    /// Marks ONNX Runtime Web as being timed.
    pub fn start_peer(&mut self) {
        self.view.start_peer();
    }

    /// What was measured of ONNX Runtime Web.
    pub fn take_peer(&mut self, times: JsValue) -> Result<(), JsError> {
        self.view.take_peer(serde_wasm_bindgen::from_value(times)?);
        Ok(())
    }

    /// Ends the comparison; `fault` says what went wrong, if anything did.
    pub fn end_peer(&mut self, fault: Option<String>) {
        self.view.end_peer(fault);
    }

    /// The words of a result card.
    pub fn card(&self, device: &str, date: &str) -> Result<JsValue, JsError> {
        to_js(&self.view.card(device, date))
    }

    /// Draws another device's report beside this one; returns a sentence for the user.
    pub fn take_report(&mut self, file: &str, text: &str) -> Result<String, JsError> {
        self.view.take_report(file, text).map_err(|e| JsError::new(&e.to_string()))
    }

    /// Takes the curve that a link carries.
    pub fn take_shared(&mut self, text: &str) {
        self.view.take_shared(text);
    }

    /// The curve that is shown, for a link.
    pub fn share(&self, device: &str) -> Option<String> {
        self.view.share(device)
    }

    /// Opens a tab.
    pub fn set_tab(&mut self, name: &str) {
        self.view.set_tab(name);
    }

    /// Shows a layer of the first chart, or hides it.
    pub fn set_layer(&mut self, name: &str, on: bool) {
        self.view.set_layer(name, on);
    }

    /// What becomes of one of the hundred inputs, in sentences.
    pub fn tile_story(&self, index: usize) -> Vec<String> {
        self.view.tile_story(index)
    }

    /// Pixels in a row of the picture of one of the hundred inputs.
    pub fn tile_width(&self, index: usize) -> usize {
        self.view.tile_picture(index).map_or(0, |picture| picture.width)
    }

    /// Its pixels, red, green, blue, alpha.
    pub fn tile_picture(&self, index: usize) -> Vec<u8> {
        pixels(self.view.tile_picture(index))
    }

    /// Pixels in a row of a sample's picture.
    pub fn picture_width(&self, index: usize) -> usize {
        self.view.picture(index).map_or(0, |picture| picture.width)
    }

    /// Its pixels, red, green, blue, alpha.
    pub fn picture(&self, index: usize) -> Vec<u8> {
        pixels(self.view.picture(index))
    }

    /// Dark or light.
    pub fn set_theme(&mut self, dark: bool) {
        self.dark = dark;
    }

    /// Draws a chart at this size in CSS pixels, sharp at this device pixel ratio.
    pub fn draw(
        &mut self,
        id: &str,
        canvas: HtmlCanvasElement,
        width: f64,
        height: f64,
        device_pixel_ratio: f64,
    ) -> Result<(), JsError> {
        let Some(plot) = self.view.plot(id) else { return Ok(()) };
        let size = Size { width, height, device_pixel_ratio };
        let (w, h) = size.device();
        if (canvas.width(), canvas.height()) != (w, h) {
            canvas.set_width(w);
            canvas.set_height(h);
        }
        if let Ok(Some(context)) = canvas.get_context("2d")
            && let Ok(context) = context.dyn_into::<CanvasRenderingContext2d>()
        {
            context.set_line_join("round");
        }
        let backend = CanvasBackend::with_canvas_object(canvas)
            .ok_or_else(|| JsError::new("the canvas has no 2d context"))?;
        let map = perforate_chart::draw(backend, &plot, &Theme::of(self.dark), size)
            .map_err(|e| JsError::new(&e.0))?;
        self.maps.insert(id.to_string(), map);
        Ok(())
    }

    /// The numbers behind a chart.
    pub fn table(&self, id: &str) -> Result<JsValue, JsError> {
        to_js(&self.view.plot_table(id))
    }

    /// The point nearest to the pointer, if any is near.
    pub fn hover(&self, id: &str, x: f64, y: f64) -> Result<JsValue, JsError> {
        let found = self.maps.get(id).and_then(|map| map.nearest(x, y, HOVER)).and_then(|hit| {
            let plot = self.view.plot(id)?;
            let point = plot.series.get(hit.series)?.points.get(hit.point)?.clone();
            Some(Hover { text: point.label, knob: point.knob, x: hit.css_x, y: hit.css_y })
        });
        to_js(&found)
    }

    /// What a file to take away is called; see [`view::View::file_name`].
    pub fn file_name(&self, kind: &str) -> String {
        self.view.file_name(kind)
    }

    /// A file to take away, as text; see [`view::View::export`].
    pub fn export(&self, kind: &str) -> Result<String, JsError> {
        self.view.export(kind).map_err(|e| JsError::new(&e.to_string()))
    }
}
