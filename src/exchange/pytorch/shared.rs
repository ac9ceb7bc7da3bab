//! One class for blocks that differ in their numbers of channels alone, which become its parameters.

use std::collections::HashSet;

use super::operations::MARKS;

/// Stands where a constructor's parameters go.
pub const PARAMETERS: &str = "⟪parameters⟫";
/// Stands before the number of a class that is made.
const CALL: char = '⟦';
const CALL_END: char = '⟧';

/// Classes by what they say but for the numbers of channels.
pub struct Shared {
    classes: Vec<Class>,
    taken: HashSet<String>,
}

struct Class {
    name: String,
    /// What the first block is called whose class it is.
    of: String,
    /// What any block of its wiring might be called.
    kind: &'static str,
    about: &'static str,
    /// What it says, each number of channels as `⟨⟩`.
    skeleton: String,
    /// The numbers, of every block that is one of this class.
    instances: Vec<Vec<u64>>,
}

/// Where a number of channels comes from.
#[derive(Clone)]
enum Number {
    Always(u64),
    /// Index of a parameter.
    Parameter(usize),
}

/// The numbers of channels in a text, and the text without them.
fn apart(text: &str) -> (String, Vec<u64>) {
    let (mut skeleton, mut numbers) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARKS[0]) {
        let (number, behind) = after.split_once(MARKS[1]).unwrap_or((after, ""));
        skeleton.push_str(before);
        skeleton.extend(MARKS);
        numbers.push(number.parse().unwrap_or(0));
        rest = behind;
    }
    skeleton.push_str(rest);
    (skeleton, numbers)
}

/// The call that makes a module of a class: with all its numbers, of which only those stay that differ.
pub fn call(class: usize, body: &str) -> String {
    let numbers: Vec<String> = apart(body).1.iter().map(|own| format!("{}{own}{}", MARKS[0], MARKS[1])).collect();
    format!("{CALL}{class}{CALL_END}({})", numbers.join(", "))
}

/// What two names begin with, without a number at its end.
fn shared_start(one: &str, other: &str) -> String {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).map(|(letter, _)| letter);
    same.collect::<String>().trim_end_matches(|last: char| last.is_ascii_digit()).to_string()
}

impl Shared {
    pub fn new(network: &str) -> Shared {
        let taken = [network, "ChannelNorm", "Scale", "F", "Nn", "Torch"].map(String::from).into();
        Shared { classes: Vec::new(), taken }
    }

    /// The class of a block with this body.
    ///
    /// It is called as its blocks are, or where they have several names as any of its `kind` might be.
    pub fn add(&mut self, name: &str, kind: &'static str, about: &'static str, body: &str) -> usize {
        let (skeleton, numbers) = apart(body);
        if let Some(at) = self.classes.iter().position(|own| own.skeleton == skeleton) {
            let shared = shared_start(&self.classes[at].of, name);
            let wanted = if shared.len() >= 4 { shared } else { kind.to_string() };
            if self.classes[at].of != name && self.classes[at].of != wanted {
                self.taken.remove(&self.classes[at].name);
                self.classes[at].name = self.free(&wanted, "");
                self.classes[at].of = wanted;
            }
            self.classes[at].instances.push(numbers);
            return at;
        }
        // What goes to fewer rows and columns is called so where another class has the name.
        let other = if skeleton.contains("stride=2") { "Down" } else { "Block" };
        let (of, name) = (name.to_string(), self.free(name, other));
        self.classes.push(Class { name, of, kind, about, skeleton, instances: vec![numbers] });
        self.classes.len() - 1
    }

    /// A name that no class has yet.
    fn free(&mut self, name: &str, other: &str) -> String {
        let longer = format!("{name}{other}");
        let numbered = (2..).map(|count| format!("{longer}{count}"));
        let mut names = [name.to_string(), longer.clone()].into_iter().chain(numbered);
        names.find(|own| self.taken.insert(own.clone())).unwrap_or_default()
    }

    /// The texts of all classes, inner ones first, and that of the network itself.
    pub fn texts(&self, network: &str, about: &str, body: &str) -> Vec<String> {
        let mut texts: Vec<String> = self.classes.iter().map(|class| self.text(class)).collect();
        let (skeleton, numbers) = apart(body);
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let body = self.filled(&skeleton, &numbers).replace(PARAMETERS, "");
        texts.push(format!("class {network}(nn.Module):\n    \"\"\"{about}\"\"\"\n\n{body}"));
        texts
    }

    fn text(&self, class: &Class) -> String {
        let (numbers, names) = class.parameters();
        let words: Vec<String> = numbers
            .iter()
            .map(|number| match number {
                Number::Always(own) => own.to_string(),
                Number::Parameter(at) => names[*at].clone(),
            })
            .collect();
        let parameters: String = names.iter().map(|name| format!(", {name}: int")).collect();
        let body = self.filled(&class.skeleton, &words).replace(PARAMETERS, &parameters);
        let kept: String = match class.is_used_in_forward(&numbers) {
            true => names.iter().map(|name| format!("        self.{name} = {name}\n")).collect(),
            false => String::new(),
        };
        let body = match body.split_once("        super().__init__()\n") {
            Some((before, after)) if !kept.is_empty() => format!("{before}        super().__init__()\n{kept}{after}"),
            _ => body,
        };
        format!("class {}(nn.Module):\n    \"\"\"{}\"\"\"\n\n{body}", class.name, class.about)
    }

    /// A skeleton with its numbers, and calls with those that their class takes.
    fn filled(&self, skeleton: &str, words: &[String]) -> String {
        let (mut out, mut rest, mut at) = (String::new(), skeleton, 0);
        let is_forward = |out: &str| out.contains("def forward(");
        while let Some(place) = rest.find([MARKS[0], CALL]) {
            out.push_str(&rest[..place]);
            let behind = &rest[place..];
            if let Some(inside) = behind.strip_prefix(CALL) {
                let (number, after) = inside.split_once(CALL_END).unwrap_or((inside, ""));
                let class = number.parse().ok().and_then(|number: usize| self.classes.get(number));
                let (arguments, after) = after.split_once(')').unwrap_or((after, ""));
                let count = arguments.matches(MARKS[0]).count();
                if let Some(class) = class {
                    let (numbers, names) = class.parameters();
                    let first = |parameter: usize| {
                        numbers.iter().position(|own| matches!(own, Number::Parameter(own) if *own == parameter))
                    };
                    let given = (0..names.len()).filter_map(|parameter| words.get(at + first(parameter)?).cloned());
                    out.push_str(&format!("{}({})", class.name, given.collect::<Vec<_>>().join(", ")));
                }
                at += count;
                rest = after;
            } else {
                let word = words.get(at).map_or("0", String::as_str);
                let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
                if is_forward(&out) && !is_number {
                    out.push_str("self.");
                }
                out.push_str(word);
                at += 1;
                rest = behind.split_once(MARKS[1]).map_or("", |(_, after)| after);
            }
        }
        out.push_str(rest);
        out
    }
}

impl Class {
    /// What each number is, and the parameters' names: those that differ from block to block, equal ones together.
    fn parameters(&self) -> (Vec<Number>, Vec<String>) {
        let count = self.instances[0].len();
        let column = |at: usize| -> Vec<u64> { self.instances.iter().map(|own| own[at]).collect() };
        let mut columns: Vec<Vec<u64>> = Vec::new();
        let mut numbers = Vec::new();
        for at in 0..count {
            let own = column(at);
            if own.iter().all(|number| *number == own[0]) {
                numbers.push(Number::Always(own[0]));
                continue;
            }
            let known = columns.iter().position(|other| *other == own);
            numbers.push(Number::Parameter(known.unwrap_or_else(|| {
                columns.push(own);
                columns.len() - 1
            })));
        }
        let of = |number: Option<&Number>| match number {
            Some(Number::Parameter(at)) => Some(*at),
            _ => None,
        };
        // The first number of a class is what arrives, and the last what comes out, but where branches end side by side.
        let (first, last) = match self.kind {
            "Shares" => (None, None),
            "Branches" => (of(numbers.first()), None),
            _ => (of(numbers.first()), of(numbers.last())),
        };
        let mut widths = 0;
        let names = (0..columns.len()).map(|at| match (first == Some(at), last == Some(at)) {
            (true, true) => "channels".to_string(),
            (true, false) => "inputs".to_string(),
            (false, true) => "outputs".to_string(),
            (false, false) => {
                widths += 1;
                if widths == 1 { "width".to_string() } else { format!("width{widths}") }
            }
        });
        let names = names.collect();
        (numbers, names)
    }

    /// Whether `forward` needs a parameter, as where channels are shared out.
    fn is_used_in_forward(&self, numbers: &[Number]) -> bool {
        let Some((before, _)) = self.skeleton.split_once("def forward(") else { return false };
        let count = before.matches(MARKS[0]).count();
        numbers.iter().skip(count).any(|number| matches!(number, Number::Parameter(_)))
    }
}
