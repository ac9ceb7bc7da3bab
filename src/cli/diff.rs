//! `convlens diff A B`: what changed, layer by layer; and the text that git's own diff sets side by side.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::output;
use super::show::{totals_json, whole};
use super::{Context, Failure, Format};
use crate::files::read;
use crate::graph::diff::{self, Key, Kind, Row, Side};
use crate::graph::figures::{field_text, grouped};
use crate::graph::{self, Graph, compare};
use crate::report::{Table, comparison, difference};
use crate::spec::{LoadError, Origin};

/// A is what was, B what is. A revision goes before the file, as in git: `convlens diff HEAD~1:nets/own.yaml nets/own.yaml`.
///
/// Paths after a revision count from the current folder, else from the repository's top.
///
/// For `git diff` itself: `*.yaml diff=convlens` in .gitattributes, and once
/// `git config diff.convlens.textconv "convlens diff --textconv"`.
#[derive(Args)]
pub struct DiffArgs {
    /// An id, an alias, a file, or a file at a revision of git: `HEAD~1:architectures/own.yaml`
    #[arg(required_unless_present = "textconv", conflicts_with = "textconv", requires = "after")]
    before: Option<String>,
    /// Likewise
    after: Option<String>,
    /// Show the layers that are as they were written too, whose shapes or costs are others now
    #[arg(long)]
    all: bool,
    /// End with 1 where anything differs
    #[arg(long)]
    exit_code: bool,
    /// Print a file layer by layer, for git to compare; a file with mistakes as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "exit_code"])]
    textconv: Option<std::path::PathBuf>,
}

impl DiffArgs {
    /// Whether it prints what another program sets side by side.
    pub fn is_textconv(&self) -> bool {
        self.textconv.is_some()
    }
}

pub fn run(context: &Context, args: &DiffArgs) -> Result<(), Failure> {
    if let Some(file) = &args.textconv {
        return textconv(context, file);
    }
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let (mut before, mut after) = (context.network(&name(&args.before))?, context.network(&name(&args.after))?);
    let keys = diff::keys(&before.architecture, &after.architecture);
    // Two of one name, as two revisions of a file are, go by what they are here.
    if before.architecture.id == after.architecture.id {
        (before.architecture.id, after.architecture.id) = ("before".into(), "after".into());
    }
    if before.architecture.name == after.architecture.name {
        before.architecture.name += " before";
        after.architecture.name += " after";
    }
    let found =
        Difference { keys, rows: diff::layers(&before, &after), networks: [before, after], shows_all: args.all };
    let differs = !found.keys.is_empty() || !found.rows.is_empty();
    found.print(context)?;
    if differs && args.exit_code { Err(Failure::Said) } else { Ok(()) }
}

struct Difference {
    networks: [Graph; 2],
    keys: Vec<Key>,
    rows: Vec<Row>,
    shows_all: bool,
}

impl Difference {
    fn print(&self, context: &Context) -> Result<(), Failure> {
        match context.common.format {
            Format::Json | Format::Csv => output::print(context, &difference::layers(&self.rows), || self.json(), &[]),
            _ => self.tell(context),
        }
    }

    /// For a person, or as Markdown for whoever reads a change.
    fn tell(&self, context: &Context) -> Result<(), Failure> {
        let [before, after] = self.networks.each_ref().map(|own| (&own.architecture.name, &own.architecture.id));
        let is_markdown = context.common.format == Format::Markdown;
        let mut page = output::page();
        let title = format!("{} ({}) → {} ({})", before.0, before.1, after.0, after.1);
        page.line(&if is_markdown { format!("### {title}") } else { title })?;
        page.line("")?;
        if self.keys.is_empty() && self.rows.is_empty() {
            return Ok(page.line("nothing differs")?);
        }
        drop(page);
        if !self.keys.is_empty() {
            self.table(context, &difference::keys(&self.keys))?;
        }
        output::page().line(&self.counts())?;
        let listed: Vec<Row> =
            self.rows.iter().filter(|row| self.shows_all || row.kind != Kind::Follows).cloned().collect();
        output::blank_line()?;
        if is_markdown && !listed.is_empty() {
            self.table(context, &difference::layers(&listed))?;
        } else if !listed.is_empty() {
            self.lines(&listed)?;
        }
        self.table(context, &comparison::totals(&self.networks))?;
        let mut page = output::page();
        for line in compare::verdict(&self.networks.iter().collect::<Vec<_>>()) {
            page.line(&line)?;
        }
        Ok(())
    }

    fn table(&self, context: &Context, table: &Table) -> Result<(), Failure> {
        output::print(context, table, || Value::Null, &[])?;
        output::blank_line()
    }

    /// `12 layers changed, 2 added, 1 removed; 20 follow`.
    fn counts(&self) -> String {
        let count = |kind: Kind| self.rows.iter().filter(|row| row.kind == kind).count();
        let own = [(Kind::Changed, "changed"), (Kind::Added, "added"), (Kind::Removed, "removed")];
        let told: Vec<String> = own
            .into_iter()
            .filter(|(kind, _)| count(*kind) > 0)
            .map(|(kind, word)| format!("{} {word}", grouped(count(kind) as u64)))
            .collect();
        let told = if told.is_empty() {
            "no layer is written otherwise".to_string()
        } else {
            format!("layers: {}", told.join(", "))
        };
        match count(Kind::Follows) {
            0 => told,
            1 => format!("{told}; 1 more has another number, shape, cost or field for it"),
            others => {
                format!("{told}; {} more have other numbers, shapes, costs or fields for it", grouped(others as u64))
            }
        }
    }

    /// A sign and a name a line, then what differs, one thing a line.
    fn lines(&self, rows: &[Row]) -> Result<(), Failure> {
        let mut page = output::page();
        for row in rows {
            let sign = match row.kind {
                Kind::Added => '+',
                Kind::Removed => '-',
                Kind::Changed => '~',
                Kind::Follows => '=',
            };
            let words = match row.changes.is_empty() {
                true => format!("  {}", difference::words(row)),
                false => String::new(),
            };
            page.line(&format!("{sign} {}{words}", row.layer()))?;
            if let Some(side) = row.after.as_ref().or(row.before.as_ref()).filter(|_| row.changes.is_empty()) {
                page.line(&format!("    {}", figures(side)))?;
            }
            for change in &row.changes {
                page.line(&format!("    {change}"))?;
            }
        }
        Ok(page.line("")?)
    }

    fn json(&self) -> Value {
        let side = |side: &Option<Side>| {
            side.as_ref().map(|side| {
                json!({"name": side.name, "words": side.words, "output": side.output, "params": side.params,
                    "macs": side.macs, "receptive_field": side.field.map(whole)})
            })
        };
        let row = |row: &Row| {
            json!({"kind": row.kind.word(), "follows": row.kind == Kind::Follows, "layer": row.layer(),
                "before": side(&row.before), "after": side(&row.after), "changes": row.changes})
        };
        let [before, after] = self
            .networks
            .each_ref()
            .map(|own| json!({"id": own.architecture.id, "name": own.architecture.name, "totals": totals_json(own)}));
        let keys = self.keys.iter().map(|own| json!({"key": own.key, "before": own.before, "after": own.after}));
        json!({"before": before, "after": after, "keys": keys.collect::<Vec<_>>(),
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "verdict": compare::verdict(&self.networks.iter().collect::<Vec<_>>())})
    }
}

/// Most bytes that are handed on as they are.
const MOST_RAW: u64 = 64 << 20;

fn figures(side: &Side) -> String {
    let shape = side.output.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
    let field = field_text(side.field);
    format!("output {shape}, parameters {}, MACs {}, field {field}", grouped(side.params), grouped(side.macs))
}

/// A line a layer, then the totals and the keys beside the layers. What is no network stays the text that it is, so that a
/// history with mistakes in it can be looked at.
fn textconv(context: &Context, file: &std::path::Path) -> Result<(), Failure> {
    let origin = Origin::File(file.to_path_buf());
    let text = match origin.read() {
        Ok(text) => text,
        // Too large or no text: git goes on all the same.
        Err(_) => {
            let unreadable = |error| Failure::Message(format!("cannot read {}: {error}", file.display()));
            let bytes = read::bytes(file, MOST_RAW).map_err(unreadable)?;
            return Ok(output::page().write_all(&bytes)?);
        }
    };
    let loaded = context.library.load_text(&origin, text.clone(), &context.common.sets);
    let network = loaded.and_then(|loaded| graph::analyse(&loaded).map_err(LoadError::Invalid));
    let mut page = output::page();
    let Ok(network) = network else {
        for line in text.lines() {
            page.line(line)?;
        }
        return Ok(());
    };
    for key in diff::said(&network.architecture) {
        page.line(&format!("{}: {}", key.0, key.1))?;
    }
    page.line("")?;
    for side in diff::sides(&network) {
        page.line(&format!("{}  {}  {}", side.name, side.words, figures(&side)))?;
    }
    let totals = network.totals;
    page.line("")?;
    page.line(&format!("parameters {}", grouped(totals.params)))?;
    page.line(&format!("MACs {}", grouped(totals.macs)))?;
    page.line(&format!("field of the last map {}", field_text(network.map_field())))?;
    Ok(())
}
