//! Screen 5: the network run for real: layers light up as they end, and the selected one's feature maps are looked at.

use std::sync::Arc;

use image::{DynamicImage, Rgb, RgbImage};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use ratatui_image::picker::ProtocolType;
use ratatui_image::{Image, Resize};

use super::text::{bar, fitting_title, frame, left, right, tail};
use crate::model::Network;
use crate::model::figures::{bytes, grouped};
use crate::run::LayerRun;
use crate::run::attention::Method;
use crate::run::live::{BINS, Input, Output, Ran, Request, Weights};
use crate::run::paint::{grays, heat_colour};
use crate::spec::Origin;
use crate::tui::keys::Action;
use crate::tui::keys::table::{Forward, Setting};
use crate::tui::layout::{Panes, SizeClass, visible_rows};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::overlays;
use crate::tui::screens::{Screen, layers};
use crate::tui::state::overlay::Purpose;
use crate::tui::state::views::{Drawn, Shows, Subject};
use crate::tui::state::{Entry, Pane, State};
use crate::tui::theme::Tones;
use crate::tui::tree::Row;

/// Columns of the pictures beside the table.
const PICTURES_WIDTH: u16 = 48;

/// Asks the terminal, once, how it shows pictures.
pub fn enter(state: &mut State) -> Vec<Effect> {
    if state.asked_pictures || state.theme.tones == Tones::Few {
        return Vec::new();
    }
    state.asked_pictures = true;
    vec![Effect::AskPictures]
}

/// The run that belongs to the selected architecture as it stands.
fn ran(state: &State) -> Option<&Arc<Ran>> {
    let network = state.entry()?.shared_network()?;
    state.forward.ran.as_ref().filter(|ran| Arc::ptr_eq(&ran.network, network))
}

/// A request with the settings of the screen.
pub fn request(state: &State) -> Option<Request> {
    let entry = state.entry()?;
    let network = Arc::clone(entry.shared_network()?);
    let view = &state.forward;
    let labels = network.architecture.labels.as_ref().map(|labels| match &entry.origin {
        Origin::File(file) => file.parent().map_or_else(|| labels.into(), |folder| folder.join(labels)),
        Origin::Bundled(_) => labels.into(),
    });
    Some(Request {
        network,
        weights: view.weights.clone(),
        input: view.input.clone(),
        batch: view.batch,
        runs: view.runs,
        threads: view.threads,
        labels,
    })
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    let Action::Forward(own) = action else {
        return match action {
            Action::Copy => as_text(state).map(|text| vec![Effect::Copy(text)]),
            Action::CopyTable => as_markdown(state).map(|text| vec![Effect::Copy(text)]),
            _ => None,
        };
    };
    match own {
        Forward::Run => {
            let Some(request) = request(state) else { return Some(Vec::new()) };
            state.forward.ending.clear();
            return Some(vec![Effect::Forward(request)]);
        }
        Forward::Ask(setting) => ask(state, setting),
        Forward::Shows => {
            state.forward.shows = state.forward.shows.next();
            state.forward.page = 0;
            return Some(look(state));
        }
        Forward::NextPage | Forward::PreviousPage => {
            let pages = state.forward.picture.as_ref().map_or(1, |drawn| drawn.pages);
            let page = &mut state.forward.page;
            *page = if own == Forward::NextPage {
                (*page + 1).min(pages.saturating_sub(1))
            } else {
                page.saturating_sub(1)
            };
        }
        Forward::Order => {
            state.forward.by_activation = !state.forward.by_activation;
            state.tell(if state.forward.by_activation { "the most active maps first" } else { "maps in order" });
        }
        Forward::Enlarge => {
            state.forward.enlarged = !state.forward.enlarged;
            state.forward.page = 0;
        }
    }
    Some(Vec::new())
}

fn ask(state: &mut State, setting: Setting) {
    let view = &state.forward;
    let (purpose, text) = match setting {
        Setting::Input => (
            Purpose::Input,
            match &view.input {
                Input::Photo(path) => path.display().to_string(),
                Input::Noise(_) => String::new(),
            },
        ),
        Setting::Weights => (
            Purpose::Weights,
            match &view.weights {
                Weights::File(path) => path.display().to_string(),
                Weights::Random(_) => String::new(),
            },
        ),
        Setting::Batch => (Purpose::Batch, view.batch.to_string()),
        Setting::Runs => (Purpose::Runs, view.runs.to_string()),
        Setting::Threads => (Purpose::Threads, view.threads.map_or(String::new(), |threads| threads.to_string())),
        Setting::Seed => (
            Purpose::Seed,
            match (&view.weights, &view.input) {
                (Weights::Random(seed), _) | (_, Input::Noise(seed)) => seed.to_string(),
                _ => "0".into(),
            },
        ),
        Setting::Class => (Purpose::Class, view.class.map_or(String::new(), |class| class.to_string())),
    };
    overlays::ask_path(state, purpose, text);
}

/// Takes a setting that was typed, or says what would be right. A new photo or new weights are run at once.
pub fn set(state: &mut State, purpose: &Purpose, text: &str) -> Result<Vec<Effect>, String> {
    let count = |most: usize| match text.parse::<usize>() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    };
    let view = &mut state.forward;
    match purpose {
        Purpose::Input if text.is_empty() => view.input = Input::Noise(0),
        Purpose::Input => view.input = Input::Photo(overlays::expanded(text)),
        Purpose::Weights if text.is_empty() => view.weights = Weights::Random(0),
        Purpose::Weights => view.weights = Weights::File(overlays::expanded(text)),
        Purpose::Batch => view.batch = count(4096)?,
        Purpose::Runs => view.runs = count(10_000)?,
        Purpose::Threads if text.is_empty() => view.threads = None,
        Purpose::Threads => view.threads = Some(count(1024)?),
        Purpose::Seed => {
            let seed = text.parse::<u64>().map_err(|_| "expected a whole number".to_string())?;
            if let Weights::Random(own) = &mut view.weights {
                *own = seed;
            }
            if let Input::Noise(own) = &mut view.input {
                *own = seed;
            }
        }
        Purpose::Class if text.is_empty() => view.class = None,
        Purpose::Class => {
            let class = text.parse::<usize>().map_err(|_| "expected the number of a class".to_string())?;
            view.class = Some(class);
            return Ok(look(state));
        }
        _ => return Ok(Vec::new()),
    }
    Ok(act(state, Action::Forward(Forward::Run)).unwrap_or_default())
}

/// A layer of the run under way ended.
pub fn layer_ended(state: &mut State, first: bool, layer: LayerRun) {
    if first {
        state.forward.ending.clear();
    }
    state.forward.ending.push(layer);
}

/// Takes a run that went through.
pub fn took(state: &mut State, ran: Ran) -> Vec<Effect> {
    if let Some(why) = &ran.labels_missing {
        state.complain(why.clone());
    }
    state.forward.ending.clear();
    state.forward.looks.clear();
    state.forward.ran = Some(Arc::new(ran));
    look(state)
}

/// The class that is looked for.
fn class(state: &State, ran: &Ran) -> Option<usize> {
    state.forward.class.or(ran.top.first().map(|(class, _)| *class))
}

/// Asks where the run looks, if that is shown and not known.
fn look(state: &mut State) -> Vec<Effect> {
    let Shows::Looks(method) = state.forward.shows else { return Vec::new() };
    let Some(ran) = ran(state) else { return Vec::new() };
    let Some(class) = class(state, ran) else {
        state.tell("the network does not end in classes, so there is nothing it looks for");
        return Vec::new();
    };
    let known = state.forward.looks.iter().any(|(own, of, _)| (*own, *of) == (method, class));
    if known { Vec::new() } else { vec![Effect::Look { input: ran.input.clone(), class, method }] }
}

/// Where table, pictures and words are.
struct Areas {
    table: Rect,
    pictures: Rect,
    words: Rect,
}

fn areas(panes: &Panes) -> Areas {
    let table = panes.table;
    let width = match panes.class {
        SizeClass::Tiny => 0,
        SizeClass::Compact => table.width / 2 - 4,
        SizeClass::Full => PICTURES_WIDTH.max(table.width / 2),
    };
    Areas {
        table: Rect { width: table.width - width, ..table },
        pictures: Rect { x: table.x + table.width - width, width, ..table },
        words: panes.working,
    }
}

/// Makes the picture anew when it is of something else.
pub fn refresh(state: &mut State) {
    if state.screen != Screen::Forward {
        return;
    }
    let panes = state.panes();
    let area = areas(&panes).pictures;
    let size = (area.width.saturating_sub(2), area.height.saturating_sub(2));
    let drawn = ran(state).filter(|_| size.0 > 0 && size.1 > 0).and_then(|ran| {
        let layer = state.entry()?.layer()?.index;
        let subject = Subject {
            run: Arc::as_ptr(ran) as usize,
            layer,
            shows: state.forward.shows,
            page: state.forward.page,
            by_activation: state.forward.by_activation,
            enlarged: state.forward.enlarged,
            class: class(state, ran).unwrap_or(0),
            size,
            theme: state.theme.name,
            looked: state.forward.looks.len(),
        };
        match &state.forward.picture {
            Some(drawn) if drawn.subject == subject => Some(drawn.clone()),
            _ => paint(state, ran, subject),
        }
    });
    state.forward.picture = drawn;
}

/// The pixels of a cell: two by two make square ones of a character twice as tall as wide.
const CELL: (u32, u32) = (1, 2);

fn paint(state: &State, ran: &Ran, subject: Subject) -> Option<Drawn> {
    let font = state.picker.font_size();
    let is_real = state.theme.tones == Tones::All && state.picker.protocol_type() != ProtocolType::Halfblocks;
    let cell = if is_real { (u32::from(font.width), u32::from(font.height)) } else { CELL };
    let room = (u32::from(subject.size.0) * cell.0, u32::from(subject.size.1) * cell.1);
    let (image, title, pages) = match subject.shows {
        Shows::Maps => maps(ran, &subject, room)?,
        Shows::Filters => filters(ran, &subject, room)?,
        Shows::Input => {
            let sizes = ran.outputs.first().map(|_| ran.network.architecture.input)?;
            let (channels, height, width) = (sizes.channels as usize, sizes.height as usize, sizes.width as usize);
            let image = colour_plane(&ran.input, (channels, height, width))?;
            (fitted(&image, room), "input as the network takes it".to_string(), 1)
        }
        Shows::Looks(method) => looks(state, ran, method, &subject, room)?,
    };
    let protocol = (state.theme.tones == Tones::All).then(|| {
        // Half blocks take an image of ten by twenty pixels a cell.
        let scale = if is_real { (1, 1) } else { (u32::from(font.width), u32::from(font.height) / 2) };
        let large = image::imageops::resize(
            &image,
            image.width() * scale.0,
            image.height() * scale.1,
            image::imageops::FilterType::Nearest,
        );
        let size = ratatui::layout::Size::new(subject.size.0, subject.size.1);
        state.picker.new_protocol(DynamicImage::ImageRgb8(large), size, Resize::Fit(None)).ok().map(Arc::new)
    });
    Some(Drawn { subject, image: Arc::new(image), protocol: protocol.flatten(), title, pages })
}

/// Tiles of one size over the room: how many across and down.
fn tiling(room: (u32, u32), tile: (u32, u32)) -> (u32, u32) {
    (((room.0 + 1) / (tile.0 + 1)).max(1), ((room.1 + 1) / (tile.1 + 1)).max(1))
}

fn maps(ran: &Ran, subject: &Subject, room: (u32, u32)) -> Option<(RgbImage, String, usize)> {
    let output = ran.outputs.get(subject.layer)?;
    let (channels, height, width) = output.sizes;
    let name = &ran.network.layers[subject.layer].name;
    let mut order: Vec<usize> = (0..channels).collect();
    if subject.by_activation {
        order.sort_by(|one, other| output.means[*other].total_cmp(&output.means[*one]));
    }
    if height * width == 1 {
        // Features are drawn as one plane, as near to a square as can be.
        let across = (channels as f64).sqrt().ceil() as usize;
        let gray = grays(&output.values);
        let image = RgbImage::from_fn(across as u32, channels.div_ceil(across) as u32, |x, y| {
            let at = y as usize * across + x as usize;
            Rgb([gray.get(at).copied().unwrap_or(0); 3])
        });
        return Some((fitted(&image, room), format!("{name}: {channels} features"), 1));
    }
    // A tile is at least a dozen pixels, at most what one map alone could fill.
    let most = (room.0 / 4).max(10);
    let tile_width = if subject.enlarged { room.0 } else { (width as u32).clamp(8, most.max(8)).min(room.0) };
    let tile_height = (tile_width * height as u32 / (width as u32).max(1)).clamp(1, room.1);
    let tile = (tile_width.min(tile_height * width as u32 / height as u32).max(1), tile_height);
    let (across, down) = if subject.enlarged { (1, 1) } else { tiling(room, tile) };
    let on_page = (across * down) as usize;
    let pages = channels.div_ceil(on_page).max(1);
    let first = subject.page.min(pages - 1) * on_page;
    let mut image = RgbImage::new(room.0.min(across * (tile.0 + 1)), room.1.min(down * (tile.1 + 1)));
    let area = height * width;
    for (at, &channel) in order.iter().skip(first).take(on_page).enumerate() {
        let gray = grays(&output.values[channel * area..(channel + 1) * area]);
        let (x, y) = (at as u32 % across * (tile.0 + 1), at as u32 / across * (tile.1 + 1));
        place(&mut image, (x, y), tile, |column, row| {
            let (column, row) = (column as usize * width / tile.0 as usize, row as usize * height / tile.1 as usize);
            [gray[row * width + column]; 3]
        });
    }
    let last = (first + on_page).min(channels);
    let which = match subject.enlarged {
        true => format!("map {} of {channels}, {height}×{width}", order.get(first)?),
        false => format!("maps {first} to {} of {channels}, {height}×{width}", last.saturating_sub(1)),
    };
    let by = if subject.by_activation { ", most active first" } else { "" };
    Some((image, format!("{name}: {which}{by}"), pages))
}

/// Paints a tile.
fn place(image: &mut RgbImage, (x, y): (u32, u32), tile: (u32, u32), pixel: impl Fn(u32, u32) -> [u8; 3]) {
    for row in 0..tile.1 {
        for column in 0..tile.0 {
            if x + column < image.width() && y + row < image.height() {
                image.put_pixel(x + column, y + row, Rgb(pixel(column, row)));
            }
        }
    }
}

/// `[C, H, W]` as colours, each channel from its smallest to its largest value; gray for other than three.
fn colour_plane(values: &[f32], (channels, height, width): (usize, usize, usize)) -> Option<RgbImage> {
    let area = height * width;
    let parts = if channels == 3 { 3 } else { 1 };
    // One range for all three, so that colours stay what they are.
    let gray = grays(values.get(..parts * area)?);
    Some(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        Rgb([0, 1, 2].map(|part| gray[if parts == 3 { part * area + at } else { at }]))
    }))
}

fn filters(ran: &Ran, subject: &Subject, room: (u32, u32)) -> Option<(RgbImage, String, usize)> {
    let filters = ran.filters.as_ref()?;
    let [outputs, inputs, height, width] = filters.sizes;
    let scale = (14 / width.max(height).max(1)).max(1) as u32;
    let tile = ((width as u32 * scale).min(room.0), (height as u32 * scale).min(room.1));
    let (across, down) = tiling(room, tile);
    let on_page = (across * down) as usize;
    let pages = outputs.div_ceil(on_page).max(1);
    let first = subject.page.min(pages - 1) * on_page;
    let mut image = RgbImage::new(room.0.min(across * (tile.0 + 1)), room.1.min(down * (tile.1 + 1)));
    let one = inputs * height * width;
    for (at, kernel) in filters.values.chunks(one).skip(first).take(on_page).enumerate() {
        let picture = colour_plane(kernel, (inputs, height, width))?;
        let (x, y) = (at as u32 % across * (tile.0 + 1), at as u32 / across * (tile.1 + 1));
        place(&mut image, (x, y), tile, |column, row| {
            picture.get_pixel(column * width as u32 / tile.0, row * height as u32 / tile.1).0
        });
    }
    let last = (first + on_page).min(outputs);
    Some((image, format!("{}: filters {first} to {} of {outputs}", filters.layer, last.saturating_sub(1)), pages))
}

fn looks(
    state: &State,
    ran: &Ran,
    method: Method,
    subject: &Subject,
    room: (u32, u32),
) -> Option<(RgbImage, String, usize)> {
    let class = subject.class;
    let known = state.forward.looks.iter().find(|(own, of, _)| (*own, *of) == (method, class));
    let (_, _, heat) = known?;
    let largest = heat.largest().max(f64::MIN_POSITIVE);
    let image = RgbImage::from_fn(heat.width as u32, heat.height as u32, |x, y| {
        let at = y as usize * heat.width + x as usize;
        let share = heat.values[at] / largest;
        let photo = ran.photo.as_ref().and_then(|photo| photo.values.get(3 * at..3 * at + 3));
        let colour = heat_colour(share);
        Rgb([0, 1, 2].map(|part| {
            let ground = photo.map_or(0.0, |pixel| pixel[part] * 255.0);
            let over = if photo.is_some() { 0.65 * share as f32 } else { 1.0 };
            (ground * (1.0 - over) + f32::from(colour[part]) * over) as u8
        }))
    });
    let label = label(ran, class);
    Some((fitted(&image, room), format!("{} for {label}", method.name()), 1))
}

fn label(ran: &Ran, class: usize) -> String {
    let label = ran.labels.as_ref().and_then(|labels| labels.get(class));
    label.map_or_else(|| format!("class {class}"), Clone::clone)
}

/// As large as the room allows, with its proportions.
fn fitted(image: &RgbImage, room: (u32, u32)) -> RgbImage {
    let scale = (f64::from(room.0) / f64::from(image.width())).min(f64::from(room.1) / f64::from(image.height()));
    let size = |length: u32| ((f64::from(length) * scale) as u32).max(1);
    let filter = if scale > 1.0 { image::imageops::FilterType::Nearest } else { image::imageops::FilterType::Triangle };
    image::imageops::resize(image, size(image.width()), size(image.height()), filter)
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    let shown = state.entry().and_then(|entry| Some((entry, entry.network()?)));
    let Some((entry, network)) = shown else {
        layers::draw(state, frame_, panes, regions);
        return;
    };
    let areas = areas(panes);
    draw_table(state, entry, network, frame_, areas.table, regions);
    draw_pictures(state, frame_, areas.pictures);
    draw_words(state, entry, frame_, areas.words);
}

/// What a row's layers came to, of the run under way or the last one.
#[derive(Clone, Copy, Default)]
struct RowRun {
    seconds: f64,
    /// Whether every layer of it has ended.
    ended: bool,
    non_finite: usize,
}

fn row_run(runs: &[LayerRun], row: &Row) -> RowRun {
    let own = runs.iter().filter(|run| row.layers().contains(&run.index));
    let mut sum = RowRun::default();
    let mut count = 0;
    for run in own {
        sum.seconds += run.time.as_secs_f64();
        sum.non_finite += run.statistics.non_finite;
        count += 1;
    }
    sum.ended = count == row.layers().len();
    sum
}

fn draw_table(
    state: &State,
    entry: &Entry,
    network: &Network,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let has_keys = state.pane == Pane::Main;
    let last = ran(state);
    let under_way = !state.forward.ending.is_empty();
    let runs: &[LayerRun] = match (under_way, last) {
        (true, _) => &state.forward.ending,
        (false, Some(ran)) => &ran.forward.layers,
        (false, None) => &[],
    };
    let images = last.map_or(1, |ran| ran.forward.images);
    let total = runs.iter().map(|run| run.time.as_secs_f64()).sum::<f64>().max(1e-12);
    let title = match last {
        Some(ran) if !under_way => {
            let median = ran.forward.median().as_secs_f64();
            format!(
                " {} · {:.1} ms, {:.1} images/s ",
                network.architecture.name,
                1e3 * median,
                images as f64 / median.max(1e-12)
            )
        }
        _ => format!(" {} ", network.architecture.name),
    };
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let inside = block.inner(area);
    let width = usize::from(inside.width);
    let (speed, by, share) =
        (if width >= 46 { 9 } else { 0 }, if width >= 56 { 10 } else { 0 }, if width >= 34 { 8 } else { 0 });
    let name = width.saturating_sub(9 + speed + by + share);
    let heading = left("  name", name)
        + &right("ms", 9)
        + &left("", share)
        + &right(if speed > 0 { "GFLOP/s" } else { "" }, speed)
        + &left(if by > 0 { "  by" } else { "" }, by);
    let mut lines = vec![Line::styled(heading, theme.dim)];
    for (at, row) in entry.rows().iter().enumerate().skip(entry.offset).take(visible_rows(area, 1)) {
        let style = match (at == entry.cursor, has_keys) {
            (true, true) => theme.selected,
            (true, false) => theme.marked,
            (false, _) => Style::new(),
        };
        let run = row_run(runs, row);
        let path = row.path(network);
        let own = if state.table.sort.is_some() { path } else { path.rsplit('.').next().unwrap_or(path) };
        let mark = if run.non_finite > 0 { "!" } else { " " };
        let words = format!("{mark}{} {}", "  ".repeat(row.depth), tail(own, name.saturating_sub(2 * row.depth + 2)));
        // Layers light up as they end.
        let lit = if run.ended { theme.text } else { theme.dim };
        let macs: u64 = network.layers[row.layers()].iter().map(|layer| layer.macs).sum();
        let gflops = 2.0 * macs as f64 * images as f64 / run.seconds.max(1e-12) / 1e9;
        let algorithm = last.and_then(|ran| ran.algorithms.get(row.layers().start).copied().flatten());
        let mut spans = vec![
            Span::styled(left(&words, name), if run.non_finite > 0 { theme.bad } else { lit }),
            Span::styled(right(&if run.ended { format!("{:.3}", 1e3 * run.seconds) } else { "·".into() }, 9), lit),
        ];
        if share > 0 {
            let part = if run.ended { run.seconds / total } else { 0.0 };
            spans.push(Span::styled(format!(" {}", bar(part, share - 1)), theme.bar));
        }
        if speed > 0 {
            let text = if run.ended && macs > 0 { format!("{gflops:.1}") } else { String::new() };
            spans.push(Span::styled(right(&text, speed), lit));
        }
        if by > 0 {
            let text = algorithm.filter(|_| run.ended && row.layers().len() <= 3).unwrap_or_default();
            spans.push(Span::styled(left(&format!("  {text}"), by), theme.dim));
        }
        lines.push(Line::from(spans).style(style));
        let y = inside.y + (at - entry.offset) as u16 + 1;
        regions.push(Region { area: Rect { y, height: 1, ..inside }, target: Target::Row(at) });
    }
    frame_.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_pictures(state: &State, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let Some(drawn) = &state.forward.picture else {
        let block = frame(" Pictures ", theme, false);
        let words = match (ran(state), state.forward.shows) {
            (None, _) => {
                "⏎ runs the network; i chooses a photo, w a file of weights. Without them it runs on noise with random weights."
            }
            (Some(_), Shows::Filters) => "The first conv takes too many channels to be shown as pictures.",
            (Some(_), Shows::Looks(_)) => "Nothing is looked for, or it is being worked out.",
            (Some(_), _) => "Nothing to show.",
        };
        frame_.render_widget(Paragraph::new(words).style(theme.dim).wrap(Wrap { trim: true }).block(block), area);
        return;
    };
    let pages = if drawn.pages > 1 {
        format!(" · {}/{}", state.forward.page.min(drawn.pages - 1) + 1, drawn.pages)
    } else {
        String::new()
    };
    let block = frame(fitting_title(&format!(" {}{pages} ", drawn.title), area), theme, false);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    match &drawn.protocol {
        Some(protocol) => frame_.render_widget(Image::new(protocol).allow_clipping(true), inside),
        None => shades(&drawn.image, inside, frame_),
    }
}

/// A picture in five shades, where there are no colours.
fn shades(image: &RgbImage, area: Rect, frame_: &mut Frame) {
    for y in 0..area.height {
        for x in 0..area.width {
            let at = (u32::from(x) * CELL.0, u32::from(y) * CELL.1);
            if at.0 >= image.width() || at.1 >= image.height() {
                continue;
            }
            let both = [at.1, (at.1 + 1).min(image.height() - 1)].map(|y| image.get_pixel(at.0, y).0);
            let light: f32 = both.iter().flatten().map(|value| f32::from(*value)).sum::<f32>() / (6.0 * 255.0);
            let shade = [" ", "░", "▒", "▓", "█"][((light * 5.0) as usize).min(4)];
            if let Some(cell) = frame_.buffer_mut().cell_mut((area.x + x, area.y + y)) {
                cell.set_symbol(shade);
            }
        }
    }
}

/// Numbers of the selected layer's output.
fn statistics(ran: &Ran, index: usize) -> Vec<(&'static str, String)> {
    let (Some(output), Some(layer)) = (ran.outputs.get(index), ran.network.layers.get(index)) else {
        return Vec::new();
    };
    let run = ran.forward.layers.iter().find(|run| run.index == index);
    let mut lines = Vec::new();
    if let Some(run) = run {
        let own = run.statistics;
        let finite = if own.non_finite > 0 {
            format!("   {} values not finite", grouped(own.non_finite as u64))
        } else {
            String::new()
        };
        lines.push((
            "values",
            format!("mean {:.4}, std {:.4}, {:.4} to {:.4}{finite}", own.mean, own.std, own.min, own.max),
        ));
        let moved = layer.input.elements() as u64 * 4 + layer.output_bytes() + 4 * layer.params();
        lines.push(("moved", format!("{} in {:.3} ms", bytes(moved), run.time.as_secs_f64() * 1e3)));
        lines.push(("zeros", format!("{:.1}% of all values", 100.0 * own.zero_fraction)));
    }
    let channels = output.sizes.0;
    let word = if output.sizes.1 * output.sizes.2 == 1 { "features" } else { "channels" };
    lines.push(("dead", format!("{} of {} {word} are 0 everywhere", output.dead, grouped(channels as u64))));
    lines.push(("spread", histogram(output)));
    lines
}

/// A histogram in one line.
fn histogram(output: &Output) -> String {
    const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let most = output.histogram.iter().copied().max().unwrap_or(1).max(1) as f64;
    // The root lets the rare values be seen beside the zeros.
    let level = |count: &usize| LEVELS[((*count as f64 / most).sqrt() * 8.0).ceil() as usize];
    output.histogram[..BINS].iter().map(level).collect()
}

fn draw_words(state: &State, entry: &Entry, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let view = &state.forward;
    let half = Rect { width: area.width / 2, ..area };
    let rest = Rect { x: area.x + half.width, width: area.width - half.width, ..area };
    let title = entry.layer().map_or(String::new(), |layer| format!(" {} ", layer.name));
    let lines = match (ran(state), entry.layer()) {
        (Some(ran), Some(layer)) => statistics(ran, layer.index),
        _ => Vec::new(),
    };
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(label, text)| {
            Line::from(vec![Span::styled(left(&format!(" {label}"), 9), theme.dim), Span::styled(text, theme.text)])
        })
        .collect();
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(&title, half), theme, false)), half);
    let input = match &view.input {
        Input::Noise(seed) => format!("noise, seed {seed}"),
        Input::Photo(path) => path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned()),
    };
    let weights = match &view.weights {
        Weights::Random(seed) => format!("random weights, seed {seed}"),
        Weights::File(path) => path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned()),
    };
    let title = format!(" {input} · {weights} · batch {} ", view.batch);
    let mut lines = Vec::new();
    if let Some(ran) = ran(state) {
        let width = usize::from(rest.width.saturating_sub(2));
        for &(class, probability) in &ran.top {
            let name = left(&format!(" {}", label(ran, class)), (width / 2).min(28));
            let bar_width = width.saturating_sub((width / 2).min(28) + 9);
            lines.push(Line::from(vec![
                Span::styled(name, theme.text),
                Span::styled(right(&format!("{:.1}%", 100.0 * probability), 8), theme.text),
                Span::styled(format!(" {}", bar(probability, bar_width)), theme.bar),
            ]));
        }
        if matches!(view.weights, Weights::Random(_)) && !ran.top.is_empty() {
            lines.pop();
            lines.push(Line::styled(" the weights are random: the answer means nothing", theme.dim));
        }
    }
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(&title, rest), theme, false)), rest);
}

fn as_text(state: &State) -> Option<String> {
    let (ran, layer) = (ran(state)?, state.entry()?.layer()?);
    let mut lines = vec![layer.name.clone()];
    lines.extend(statistics(ran, layer.index).into_iter().map(|(label, text)| format!("{label}  {text}")));
    Some(lines.join("\n"))
}

fn as_markdown(state: &State) -> Option<String> {
    let ran = ran(state)?;
    let mut text =
        String::from("| layer | ms | MACs | by | mean | std | zeros |\n|---|---:|---:|---|---:|---:|---:|\n");
    for run in &ran.forward.layers {
        let (layer, own) = (&ran.network.layers[run.index], run.statistics);
        text += &format!(
            "| {} | {:.3} | {} | {} | {:.4} | {:.4} | {:.1}% |\n",
            layer.name,
            run.time.as_secs_f64() * 1e3,
            grouped(layer.macs),
            ran.algorithms[run.index].unwrap_or_default(),
            own.mean,
            own.std,
            100.0 * own.zero_fraction
        );
    }
    Some(text)
}
