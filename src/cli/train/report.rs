//! What `convlens train` says while it trains and at its end, in the format that was asked for.

use std::io::Write;
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::output;
use crate::cli::{Context, Failure, Format};
use crate::graph::figures::grouped;
use crate::report::{Column, Table};
use crate::run::machine;
use crate::run::runs::{event_json, finish_json, rate_words};
use crate::run::session::{Over, Session, SessionError};
use crate::run::train::{Epoch, Event, Step};

/// Tells of events in the format that was asked for.
pub struct Report<'a> {
    context: &'a Context,
    pub bar: ProgressBar,
    steps: Vec<Step>,
    epochs: Vec<Epoch>,
    last: Option<Step>,
    /// Why telling failed; a closed pipe ends training.
    pub failed: Option<Failure>,
}

impl<'a> Report<'a> {
    pub fn new(context: &'a Context, session: &Session) -> Self {
        let is_shown = context.common.format == Format::Table && !context.common.quiet && output::errors_are_seen();
        let bar = match is_shown {
            true => ProgressBar::new(session.total_steps()),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:16} {pos}/{len}  {wide_msg}  {elapsed}, {eta} left");
        let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
        bar.set_position(session.done());
        bar.reset_eta();
        Report { context, bar, steps: Vec::new(), epochs: Vec::new(), last: None, failed: None }
    }

    fn line(&mut self, line: &str) -> ControlFlow<()> {
        self.told(|| {
            let mut page = output::page();
            page.line(line).and_then(|()| page.flush())
        })
    }

    fn json(&mut self, value: &Value) -> ControlFlow<()> {
        self.told(|| output::json_line(value))
    }

    fn told(&mut self, tell: impl FnOnce() -> std::io::Result<()>) -> ControlFlow<()> {
        let written = self.bar.suspend(tell);
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(Failure::Output(error));
                ControlFlow::Break(())
            }
        }
    }

    pub fn start(&mut self, start: &Value) {
        if self.context.common.format == Format::Jsonl {
            let _ = self.json(start);
        }
    }

    pub fn event(&mut self, event: Event) -> ControlFlow<()> {
        // A closed pipe at the start ends training too.
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        if let Event::Warning { text, .. } = &event {
            self.bar.suspend(|| self.context.say(&format!("warning: {text}")));
        }
        match (self.context.common.format, &event) {
            // Which steps have norms hangs on the clock; they are in the run's metrics.
            (_, Event::Norms { .. }) => ControlFlow::Continue(()),
            (Format::Jsonl, event) => {
                if let Event::Step(step) = event {
                    self.last = Some(*step);
                }
                event_json(event).map_or(ControlFlow::Continue(()), |value| self.json(&value))
            }
            (Format::Table, Event::Step(step)) => {
                self.bar.set_message(format!(
                    "epoch {}  loss {:.4}  {:.1} images/s",
                    step.epoch,
                    step.loss,
                    step.images as f64 / step.time.as_secs_f64().max(1e-9)
                ));
                self.bar.set_position(step.step);
                self.last = Some(*step);
                ControlFlow::Continue(())
            }
            (Format::Table, Event::Epoch(epoch)) => {
                self.last = None;
                self.line(&epoch_line(epoch))
            }
            (Format::Table, Event::Rate { step, rate, by }) => {
                self.line(&format!("step {step}: {}", rate_words(*rate, by)))
            }
            (Format::Table, Event::Validating { done, of }) => {
                self.bar.set_message(format!("validating {} of {}", grouped(*done as u64), grouped(*of as u64)));
                ControlFlow::Continue(())
            }
            (Format::Json, Event::Epoch(epoch)) => {
                self.epochs.push(*epoch);
                ControlFlow::Continue(())
            }
            (Format::Json | Format::Csv | Format::Markdown, Event::Step(step)) => {
                self.last = Some(*step);
                self.steps.push(*step);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Scripts hear of a failure as of any other end.
    pub fn failed_because(&mut self, error: &SessionError) {
        let step = self.last.map_or(0, |step| step.step);
        let finish = finish_json(step, false, Some(&error.to_string()), [None, None]);
        match self.context.common.format {
            Format::Jsonl => {
                let _ = self.json(&finish);
            }
            // The reason itself is told by whoever ends the program.
            Format::Json | Format::Csv | Format::Markdown => {
                let _ = self.print_steps(&finish);
            }
            Format::Table | Format::Png | Format::Github => {}
        }
    }

    fn print_steps(&self, finish: &Value) -> Result<(), Failure> {
        let names = ["step", "epoch", "loss", "accuracy", "lr", "images_per_second"];
        let steps: Vec<Value> = self.steps.iter().filter_map(|step| event_json(&Event::Step(*step))).collect();
        let rows = steps.iter().map(|step| names.iter().map(|name| step[*name].to_string().into()).collect());
        let table = Table::new(names.map(Column::number), rows);
        let epochs =
            || -> Vec<Value> { self.epochs.iter().filter_map(|epoch| event_json(&Event::Epoch(*epoch))).collect() };
        let json = || json!({"steps": steps, "epochs": epochs(), "finish": finish});
        output::print(self.context, &table, json, &[])
    }

    pub fn finish(&mut self, over: &Over, saved: Option<String>) -> Result<(), Failure> {
        let (val, test) = (over.validation, over.test);
        let mut finish = finish_json(over.steps, over.end.is_finished(), over.reason().as_deref(), [val, test]);
        finish["left_out"] = over.left_out.into();
        finish["weights"] = saved.into();
        finish["run"] = over.folder.as_ref().map(|folder| folder.display().to_string()).into();
        finish["peak_rss_bytes"] = machine::peak_bytes().into();
        match self.context.common.format {
            Format::Jsonl => {
                let _ = self.json(&finish);
                self.failed.take().map_or(Ok(()), Err)
            }
            Format::Table => {
                if let Some(step) = self.last {
                    let _ = self.line(&format!(
                        "step {:>6}  loss {:.4}  accuracy {:>5.1}% on its mini-batch",
                        step.step,
                        step.loss,
                        100.0 * step.accuracy
                    ));
                }
                // An epoch's validation has been told with it.
                let val = val.filter(|_| self.last.is_some() && over.end.is_finished());
                for (words, own) in [("validation", val), ("test", test)] {
                    if let Some(own) = own {
                        let accuracy = 100.0 * own.accuracy;
                        let _ = self.line(&format!("{words}  loss {:.4}  accuracy {accuracy:.2}%", own.loss));
                    }
                }
                self.failed.take().map_or(Ok(()), Err)
            }
            _ => self.print_steps(&finish),
        }
    }
}

fn epoch_line(epoch: &Epoch) -> String {
    let validation = epoch
        .validation
        .map_or_else(String::new, |own| format!("  validation {:.4} {:>6.2}%", own.loss, 100.0 * own.accuracy));
    format!(
        "epoch {:>3}  step {:>6}  loss {:.4} {:>6.2}%{validation}  {:.1} s",
        epoch.epoch,
        epoch.step,
        epoch.loss,
        100.0 * epoch.accuracy,
        epoch.time.as_secs_f64()
    )
}
