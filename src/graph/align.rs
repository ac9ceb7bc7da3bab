//! Two lists put side by side: which elements belong together, by edit distance (Needleman & Wunsch 1970).

/// Which elements of two lists belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Both(usize, usize),
    Left(usize),
    Right(usize),
}

/// The cheapest alignment; leaving an element alone costs 2, putting two together what `cost` says (`None`: never).
pub fn align<T, U>(left: &[T], right: &[U], cost: impl Fn(&T, &U) -> Option<u64>) -> Vec<Step> {
    // What is the same at both ends is left out of the table, which grows with the product.
    let same = |(one, other): &(&T, &U)| cost(one, other) == Some(0);
    let before = left.iter().zip(right).take_while(same).count();
    let (left_rest, right_rest) = (&left[before..], &right[before..]);
    let behind = left_rest.iter().rev().zip(right_rest.iter().rev()).take_while(same).count();
    let (left_rest, right_rest) = (&left_rest[..left_rest.len() - behind], &right_rest[..right_rest.len() - behind]);
    let middle = match left_rest.len().max(right_rest.len()) > LONGEST {
        false => cheapest(left_rest, right_rest, &cost),
        true => place_by_place(left_rest.len(), right_rest.len()),
    };
    let moved = |step: Step| match step {
        Step::Both(i, j) => Step::Both(i + before, j + before),
        Step::Left(i) => Step::Left(i + before),
        Step::Right(j) => Step::Right(j + before),
    };
    let ends = [left.len(), right.len()].map(|length| length - behind);
    let first = (0..before).map(|at| Step::Both(at, at));
    let last = (0..behind).map(|at| Step::Both(ends[0] + at, ends[1] + at));
    first.chain(middle.into_iter().map(moved)).chain(last).collect()
}

fn cheapest<T, U>(left: &[T], right: &[U], cost: &impl Fn(&T, &U) -> Option<u64>) -> Vec<Step> {
    const ALONE: u64 = 2;
    let width = right.len() + 1;
    let mut costs = vec![0u64; (left.len() + 1) * width];
    for i in (0..=left.len()).rev() {
        for j in (0..=right.len()).rev() {
            if i == left.len() || j == right.len() {
                costs[i * width + j] = ALONE * (left.len() - i + right.len() - j) as u64;
                continue;
            }
            let both = cost(&left[i], &right[j]).map(|cost| cost + costs[(i + 1) * width + j + 1]);
            let alone = ALONE + costs[(i + 1) * width + j].min(costs[i * width + j + 1]);
            costs[i * width + j] = both.map_or(alone, |both| both.min(alone));
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    while i < left.len() || j < right.len() {
        let here = costs[i * width + j];
        let both = (i < left.len() && j < right.len())
            .then(|| cost(&left[i], &right[j]).map(|cost| cost + costs[(i + 1) * width + j + 1]))
            .flatten();
        if both == Some(here) {
            steps.push(Step::Both(i, j));
            (i, j) = (i + 1, j + 1);
        } else if i < left.len() && (j == right.len() || ALONE + costs[(i + 1) * width + j] == here) {
            steps.push(Step::Left(i));
            i += 1;
        } else {
            steps.push(Step::Right(j));
            j += 1;
        }
    }
    steps
}

/// Lists longer than this are put together place by place: the table of costs grows with the product.
const LONGEST: usize = 1000;

fn place_by_place(left: usize, right: usize) -> Vec<Step> {
    let both = left.min(right);
    let rest = (both..left).map(Step::Left).chain((both..right).map(Step::Right));
    (0..both).map(|at| Step::Both(at, at)).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(left: &str, right: &str) -> String {
        let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
        let cost = |one: &char, other: &char| match one.eq_ignore_ascii_case(other) {
            true => Some(u64::from(one != other)),
            false => None,
        };
        let shown = |step: &Step| match *step {
            Step::Both(i, j) => format!("{}{}", left[i], right[j]),
            Step::Left(i) => format!("{}-", left[i]),
            Step::Right(j) => format!("-{}", right[j]),
        };
        align(&left, &right, cost).iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_more_or_less_shifts_nothing() {
        assert_eq!(steps("abcd", "abd"), "aa bb c- dd");
        assert_eq!(steps("abd", "abcd"), "aa bb -c dd");
        assert_eq!(steps("aBc", "abc"), "aa Bb cc", "what differs a little belongs together");
        assert_eq!(steps("", "ab"), "-a -b");
        assert_eq!(steps("ab", "ab"), "aa bb");
        assert_eq!(steps("aa", "aaa"), "aa aa -a");
    }
}
