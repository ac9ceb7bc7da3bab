//! A graph's structure found again: taken apart series by series and branch by branch into the containers of an architecture
//! file.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Unsaid;
use super::net::{Net, Step, Value, What};
use crate::graph::Operation;

/// What stands in a list of layers. Layers are the values that they give.
#[derive(Debug, Clone)]
pub enum Item {
    Layer(Value),
    Residual {
        layers: Vec<Item>,
        shortcut: Shortcut,
        join: Join,
    },
    Concat {
        branches: Vec<Branch>,
        join: Join,
    },
    /// With the values that are the branches' shares.
    Split {
        branches: Vec<Vec<Item>>,
        shares: Vec<Value>,
        join: Join,
    },
    Gate {
        layers: Vec<Item>,
        join: Join,
    },
}

/// Where the ways of a container come together: the value, and what it is made of, in the order of the rows.
#[derive(Debug, Clone)]
pub struct Join {
    pub value: Value,
    pub inputs: Vec<Value>,
}

/// One way into a concat.
#[derive(Debug, Clone)]
pub enum Branch {
    /// What becomes of what arrives; nothing of it for the identity.
    Items(Vec<Item>),
    /// What becomes of what a layer or block before gave, read by its name.
    From(Value, Vec<Item>),
}

#[derive(Debug, Clone)]
pub enum Shortcut {
    Identity,
    /// The value with its channels of zeros.
    Pad(Value),
    Layers(Vec<Item>),
}

/// A split's branches, and the values that they begin with.
type Shares = (Vec<Vec<Item>>, Vec<Value>);

/// Deepest nesting; an architecture file has 64 at most, and a container with its list takes up to three.
const DEEPEST: usize = 20;

/// The whole network as a list of layers.
pub fn blocks(net: &mut Net) -> Result<Vec<Item>, Unsaid> {
    chained(net);
    let output = net.output;
    let mut skips = long_skips(net);
    // A concat that reads what no way around it explains reads it by name.
    loop {
        let mut finder = Finder { net, depth: 0, skips: &skips, stuck: None };
        let found = finder.sequence(0, output);
        let more = finder
            .stuck
            .filter(|_| found.is_err() && skips.len() < MOST_SKIPS)
            .and_then(|join| skip_into(net, join, &skips));
        match (found, more) {
            (Err(_), Some(skip)) => skips.insert(skip),
            (found, _) => return found,
        };
    }
}

/// Most values that are read by name.
const MOST_SKIPS: usize = 64;

/// The input of a concat that may be read by name: what others read too, the earliest first.
fn skip_into(net: &Net, join: Value, skips: &HashSet<(Value, Value)>) -> Option<(Value, Value)> {
    let inputs = &net.step(join)?.inputs;
    let left: Vec<Value> = inputs.iter().copied().filter(|input| !skips.contains(&(*input, join))).collect();
    let users = net.users();
    let may = left.iter().copied().filter(|&input| input > 0 && users[input].len() > 1);
    may.min()
        .filter(|_| left.len() > 1 && matches!(net.operation(join), Some(Operation::Concat)))
        .map(|input| (input, join))
}

/// Values that stand beside a map that was made larger again, as in a U-Net: read by name, as people write it.
fn long_skips(net: &Net) -> HashSet<(Value, Value)> {
    let users = net.users();
    let grows = |value: Value| {
        matches!(net.operation(value), Some(Operation::ConvTranspose { .. } | Operation::Upsample { .. }))
    };
    let mut skips = HashSet::new();
    for join in (1..=net.steps.len()).filter(|&join| matches!(net.operation(join), Some(Operation::Concat))) {
        let inputs = &net.steps[join - 1].inputs;
        let (grown, others): (Vec<Value>, Vec<Value>) = inputs.iter().partition(|&&input| grows(input));
        if let ([_], [other]) = (&grown[..], &others[..])
            && users[*other].len() > 1
        {
            skips.insert((*other, join));
        }
    }
    skips
}

/// Lets a concat of what another joined already, and of more, read the other: DenseNets join all that was before at every layer.
fn chained(net: &mut Net) {
    let is_concat = |net: &Net, value: Value| matches!(net.operation(value), Some(Operation::Concat));
    let mut known: HashMap<Vec<Value>, Value> = HashMap::new();
    for value in 1..=net.steps.len() {
        if !is_concat(net, value) {
            continue;
        }
        let inputs = net.steps[value - 1].inputs.clone();
        let longest = (2..inputs.len()).rev().find_map(|length| Some((length, *known.get(&inputs[..length])?)));
        if let Some((length, other)) = longest {
            let mut fewer = vec![other];
            fewer.extend(&inputs[length..]);
            net.steps[value - 1].inputs = fewer;
        }
        known.insert(inputs, value);
    }
}

struct Finder<'n> {
    net: &'n mut Net,
    depth: usize,
    /// Values that concats read by name.
    skips: &'n HashSet<(Value, Value)>,
    /// The concat at which it could not go on.
    stuck: Option<Value>,
}

/// The values between two: those that the second needs and that need the first.
struct Region {
    users: HashMap<Value, Vec<Value>>,
    /// The next value that every way onward goes through.
    next: HashMap<Value, Value>,
}

impl Finder<'_> {
    fn unsaid(&self, value: Value, reason: &str) -> Unsaid {
        let node = self.net.step(value).map_or_else(|| "the input".to_string(), |step| step.node.clone());
        Unsaid { node, reason: reason.into() }
    }

    /// What a step reads, but for what it reads by name.
    fn ways_into(&self, value: Value) -> impl Iterator<Item = Value> {
        let inputs = self.net.steps[value - 1].inputs.iter().copied();
        inputs.filter(move |&input| !self.skips.contains(&(input, value)))
    }

    /// Everything that `to` needs of what comes behind `from`. What reads anything else there is told of.
    fn region(&self, from: Value, to: Value) -> Result<Region, Unsaid> {
        let mut inside: BTreeSet<Value> = BTreeSet::new();
        let mut open = vec![to];
        while let Some(value) = open.pop() {
            if value == from || !inside.insert(value) {
                continue;
            }
            if value < from || value == 0 {
                return Err(self.unsaid(to, "it reads what its block does not see; no container says that"));
            }
            open.extend(self.ways_into(value));
        }
        let mut users: HashMap<Value, Vec<Value>> = HashMap::new();
        for &value in &inside {
            let inputs: BTreeSet<Value> = self.ways_into(value).collect();
            inputs.into_iter().for_each(|input| users.entry(input).or_default().push(value));
        }
        // From the end: the nearest value on all ways onward (Cooper, Harvey & Kennedy 2001).
        let mut next: HashMap<Value, Value> = HashMap::new();
        for &value in inside.iter().rev().chain([&from]) {
            let Some(readers) = users.get(&value) else { continue };
            let mut meeting = readers[0];
            for &reader in &readers[1..] {
                let mut other = reader;
                while meeting != other {
                    let behind = if meeting < other { &mut meeting } else { &mut other };
                    let Some(&onward) = next.get(behind) else { return Err(self.unsaid(*behind, NOWHERE)) };
                    *behind = onward;
                }
            }
            next.insert(value, meeting);
        }
        Ok(Region { users, next })
    }

    /// The layers that lead from one value to another.
    fn sequence(&mut self, from: Value, to: Value) -> Result<Vec<Item>, Unsaid> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.unsaid(to, "its blocks are nested too deep"));
        }
        let region = self.region(from, to)?;
        let (mut items, mut at) = (Vec::new(), from);
        while at != to {
            let Some(&next) = region.next.get(&at) else { return Err(self.unsaid(at, NOWHERE)) };
            let inputs = &self.net.steps[next - 1].inputs;
            let is_single = inputs.len() == 1 && region.users.get(&at).is_some_and(|users| users[..] == [next]);
            match is_single {
                true => items.push(self.layer(next)?),
                false => items.push(self.join(at, next)?),
            }
            at = next;
        }
        self.depth -= 1;
        Ok(items)
    }

    fn layer(&self, value: Value) -> Result<Item, Unsaid> {
        match &self.net.steps[value - 1].what {
            What::Is(Operation::Slice { .. }) => Err(self.unsaid(value, "channels are shared out in a `split` alone")),
            What::Is(Operation::PadChannels { .. }) => {
                Err(self.unsaid(value, "channels of zeros are added in a residual's shortcut alone"))
            }
            What::Is(_) => Ok(Item::Layer(value)),
            What::Part(_) => Err(self.unsaid(value, "there is no layer for it")),
        }
    }

    /// What lies between a value and where its ways meet again.
    fn join(&mut self, from: Value, join: Value) -> Result<Item, Unsaid> {
        let Step { what, inputs, .. } = self.net.steps[join - 1].clone();
        match what {
            What::Is(Operation::Add) => self.residual(from, join, &inputs),
            What::Is(Operation::Concat) => self.concat(from, join, &inputs),
            What::Is(Operation::Multiply) => match inputs[..] {
                [value, gate] | [gate, value] if value == from && gate != from => {
                    let join = Join { value: join, inputs: vec![value, gate] };
                    Ok(Item::Gate { layers: self.sequence(from, gate)?, join })
                }
                _ => Err(self.unsaid(join, "only a value times what is made of it is said, by a `gate`")),
            },
            _ => Err(self.unsaid(join, NOWHERE)),
        }
    }

    fn residual(&mut self, from: Value, join: Value, inputs: &[Value]) -> Result<Item, Unsaid> {
        let ways: HashSet<Value> = inputs.iter().copied().collect();
        if ways.len() < inputs.len() {
            return Err(self.unsaid(join, "a value is added to itself"));
        }
        self.apart(from, join, inputs)?;
        if let Some((last, others @ [_, _, ..])) = inputs.split_last() {
            // Of three or more the others are a residual of their own.
            if others.len() > DEEPEST {
                return Err(self.unsaid(join, "more ways are added up than blocks can be nested"));
            }
            let mut step = self.net.steps[join - 1].clone();
            step.inputs = others.to_vec();
            let sum = self.net.push(step);
            let layers = vec![self.residual(from, sum, others)?];
            let join = Join { value: join, inputs: vec![sum, *last] };
            return Ok(Item::Residual { layers, shortcut: self.shortcut(from, *last)?, join });
        }
        let [one, other] = inputs else { return Err(self.unsaid(join, NOWHERE)) };
        // The shorter way is the shortcut.
        let weight = |value: Value| if value == from { 0 } else { value };
        let count = |finder: &Self, value: Value| match value == from {
            true => 0,
            false => finder.region(from, value).map_or(usize::MAX, |region| region.next.len()),
        };
        let (short, long) = match (count(self, *one), count(self, *other)) {
            (first, second) if (first, weight(*one)) < (second, weight(*other)) => (*one, *other),
            _ => (*other, *one),
        };
        let layers = self.sequence(from, long)?;
        let join = Join { value: join, inputs: vec![long, short] };
        Ok(Item::Residual { layers, shortcut: self.shortcut(from, short)?, join })
    }

    fn shortcut(&mut self, from: Value, to: Value) -> Result<Shortcut, Unsaid> {
        if from == to {
            return Ok(Shortcut::Identity);
        }
        let step = &self.net.steps[to - 1];
        if let (What::Is(Operation::PadChannels { before, .. }), [input]) = (&step.what, &step.inputs[..])
            && *input == from
        {
            let more = self.net.shape(to)[1] - self.net.shape(from)[1];
            return match *before == more / 2 {
                true => Ok(Shortcut::Pad(to)),
                false => Err(self.unsaid(to, "a shortcut's channels of zeros stand half before and half behind")),
            };
        }
        Ok(Shortcut::Layers(self.sequence(from, to)?))
    }

    /// Refuses ways that share layers.
    fn apart(&self, from: Value, join: Value, inputs: &[Value]) -> Result<(), Unsaid> {
        let mut seen = HashSet::new();
        for &input in inputs.iter().filter(|&&input| input != from) {
            let region = self.region(from, input)?;
            let values: HashSet<Value> = region.users.into_values().flatten().collect();
            if values.iter().any(|value| !seen.insert(*value)) {
                return Err(self.unsaid(join, "its ways share layers; no container says that"));
            }
        }
        Ok(())
    }

    fn concat(&mut self, from: Value, join: Value, inputs: &[Value]) -> Result<Item, Unsaid> {
        let skips = self.skips;
        let is_skip = |input: &Value| skips.contains(&(*input, join));
        if !inputs.iter().any(is_skip)
            && let Some((branches, shares)) = self.split(from, inputs)?
        {
            return Ok(Item::Split { branches, shares, join: Join { value: join, inputs: inputs.to_vec() } });
        }
        let found = self.branches(from, join, inputs, is_skip);
        if found.is_err() {
            self.stuck = self.stuck.or(Some(join));
        }
        let (branches, inputs) = found?;
        Ok(Item::Concat { branches, join: Join { value: join, inputs } })
    }

    fn branches(
        &mut self,
        from: Value,
        join: Value,
        inputs: &[Value],
        is_skip: impl Fn(&Value) -> bool,
    ) -> Result<(Vec<Branch>, Vec<Value>), Unsaid> {
        let all = match inputs.iter().any(&is_skip) {
            true => inputs.to_vec(),
            false => self.grouped(from, join, inputs)?,
        };
        // What an earlier branch has made already is read of it by its name.
        let (mut branches, mut made) = (Vec::new(), HashSet::new());
        for &input in &all {
            if is_skip(&input) || made.contains(&input) {
                branches.push(Branch::From(input, Vec::new()));
                continue;
            }
            if input == from {
                branches.push(Branch::Items(Vec::new()));
                continue;
            }
            let values: HashSet<Value> = self.region(from, input)?.users.into_values().flatten().collect();
            branches.push(match values.intersection(&made).max() {
                Some(&begins) => Branch::From(begins, self.sequence(begins, input)?),
                None => Branch::Items(self.sequence(from, input)?),
            });
            made.extend(values);
        }
        Ok((branches, all))
    }

    /// Branches whose ends come from one inner fork, put together by a concat of their own.
    fn grouped(&mut self, from: Value, join: Value, inputs: &[Value]) -> Result<Vec<Value>, Unsaid> {
        let mut groups: Vec<(HashSet<Value>, Vec<Value>)> = Vec::new();
        for &input in inputs {
            let values: HashSet<Value> = match input == from {
                true => HashSet::new(),
                false => self.region(from, input)?.users.into_values().flatten().collect(),
            };
            match groups.last_mut().filter(|(seen, _)| seen.intersection(&values).next().is_some()) {
                Some((seen, members)) => {
                    seen.extend(values);
                    members.push(input);
                }
                None => groups.push((values, vec![input])),
            }
        }
        if groups.len() == 1 || groups.len() == inputs.len() {
            return Ok(inputs.to_vec());
        }
        let mut ends = Vec::new();
        for (_, members) in groups {
            ends.push(match members[..] {
                [only] => only,
                _ => {
                    let mut step = self.net.steps[join - 1].clone();
                    step.shape[1] = members.iter().map(|&own| self.net.shape(own)[1]).sum();
                    step.inputs = members;
                    self.net.push(step)
                }
            });
        }
        Ok(ends)
    }

    /// Branches that each begin with their share of the channels, in turn.
    fn split(&mut self, from: Value, inputs: &[Value]) -> Result<Option<Shares>, Unsaid> {
        let channels = self.net.shape(from).get(1).copied().unwrap_or(0);
        let share = channels / inputs.len() as u64;
        let first_of = |value: Value| {
            let step = self.net.step(value)?;
            match (&step.what, &step.inputs[..]) {
                (What::Is(Operation::Slice { first }), [input]) if *input == from => Some((*first, step.shape[1])),
                _ => None,
            }
        };
        let mut slices = Vec::new();
        for (at, &input) in inputs.iter().enumerate() {
            // The way back to where the channels were taken.
            let mut inside = BTreeSet::new();
            let mut open = vec![input];
            while let Some(value) = open.pop() {
                if value == from || !inside.insert(value) || value == 0 {
                    continue;
                }
                open.extend(self.net.steps[value - 1].inputs.iter());
            }
            let mut taken = inside.into_iter().filter(|&value| first_of(value).is_some());
            match (taken.next(), taken.next()) {
                (Some(slice), None) if first_of(slice) == Some((share * at as u64, share)) => slices.push(slice),
                _ => return Ok(None),
            }
        }
        if share * inputs.len() as u64 != channels {
            return Ok(None);
        }
        let mut branches = Vec::new();
        for (&slice, &input) in slices.iter().zip(inputs) {
            branches.push(if slice == input { Vec::new() } else { self.sequence(slice, input)? });
        }
        Ok(Some((branches, slices)))
    }
}

const NOWHERE: &str = "no container says how its ways come together";
