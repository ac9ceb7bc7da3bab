//! Matrices, sums and products.

use super::attributes::{float, int};
use super::constant::Constant;
use super::net::{Part, Value, What};
use super::translate::{Known, Reading, Said};
use crate::graph::Operation;

impl Reading<'_, '_> {
    pub fn gemm(&mut self) -> Said {
        let shape = self.shape();
        let flag = |name: &str| int(self.node, name).unwrap_or(0) != 0;
        let factor = |name: &str| float(self.node, name).unwrap_or(1.0);
        if shape.len() != 2 || flag("transA") || factor("alpha") != 1.0 || factor("beta") != 1.0 {
            return Err("only weights · x + bias of flat features is read".into());
        }
        if !matches!(self.inputs.first(), Some(Some(Known::Value(_)))) {
            return Err("its first matrix is known, and its second is not".into());
        }
        let matrix = self.tensor(1, "matrix")?;
        let matrix = if flag("transB") { matrix } else { matrix.turned().ok_or("its matrix is none")? };
        let bias = match self.inputs.get(2) {
            Some(Some(_)) => Some(self.tensor(2, "bias")?),
            _ => None,
        };
        self.linear(matrix, bias)
    }

    fn linear(&mut self, matrix: Constant, bias: Option<Constant>) -> Said {
        let shape = self.shape();
        let (Some(&out), Some(&inputs)) = (matrix.dims.first(), matrix.dims.get(1)) else {
            return Err("its matrix is none".into());
        };
        if matrix.dims.len() != 2 || shape.get(1) != Some(&inputs) {
            return Err(format!("its matrix takes {inputs} features, and {} arrive", shape.get(1).unwrap_or(&0)).into());
        }
        let mut tensors = vec![("weight", matrix)];
        if let Some(bias) = bias {
            if bias.count() != out {
                return Err(format!("its bias has {} values for {out} features", bias.count()).into());
            }
            tensors.push(("bias", bias.shaped(vec![out])));
        }
        let operation = Operation::Linear { bias: tensors.len() == 2 };
        self.push(What::Is(operation), vec![shape[0], out], tensors)
    }

    pub fn matmul(&mut self) -> Said {
        let shape = self.shape();
        match (self.inputs, shape.as_slice()) {
            ([Some(Known::Value(_)), Some(Known::Constant(_))], [_, _]) => {
                let matrix = self.tensor(1, "matrix")?.turned().ok_or("its matrix has more than two dimensions")?;
                self.linear(matrix, None)
            }
            ([Some(Known::Value(_)), Some(Known::Constant(matrix))], [n, c, h, w])
                if matrix.dims.first() == Some(w) =>
            {
                match matrix.dims[..] {
                    [_, out] => self.part(Part::Columns(matrix.clone()), vec![*n, *c, *h, out]),
                    _ => Err("its matrix has more than two dimensions".into()),
                }
            }
            ([Some(Known::Constant(matrix)), Some(Known::Value(_))], [n, c, h, w]) if matrix.dims.get(1) == Some(h) => {
                let out = matrix.dims[0];
                self.part(Part::Rows(matrix.clone()), vec![*n, *c, out, *w])
            }
            _ => Err("only flat features times a known matrix are read".into()),
        }
    }

    pub fn values(&self) -> Option<Vec<Value>> {
        let value = |input: &Option<Known>| match input {
            Some(Known::Value(value)) => Some(*value),
            _ => None,
        };
        self.inputs.iter().map(value).collect()
    }

    pub fn arithmetic(&mut self) -> Said {
        let op = self.node.op_type.as_str();
        if let Some(mut values) = self.values() {
            if values.len() == 1 {
                return self.passed();
            }
            let shapes: Vec<Vec<u64>> = values.iter().map(|&value| self.translator.net.shape(value).to_vec()).collect();
            let largest = (0..values.len()).max_by_key(|&at| (shapes[at].iter().product::<u64>(), values.len() - at));
            let largest = largest.unwrap_or(0);
            let shape = shapes[largest].clone();
            let gates = |gate: &[u64]| match (gate, shape.as_slice()) {
                ([_, c, 1, 1], [_, channels, _, _]) => c == channels || *c == 1,
                ([_, 1, h, w], [_, _, height, width]) => h == height && w == width,
                (gate, whole) => gate == whole,
            };
            let operation = match op {
                "Add" | "Sum" if shapes.iter().all(|own| *own == shape) => Operation::Add,
                "Mul" if shapes.iter().all(|own| gates(own)) => {
                    values.swap(0, largest);
                    Operation::Multiply
                }
                "Add" | "Sum" | "Mul" => return Err("its inputs have different sizes".into()),
                _ => return Err("there is no layer that subtracts or divides one value by another".into()),
            };
            return Ok(vec![self.push_of(What::Is(operation), values, shape, Vec::new(), None)?]);
        }
        let [first, second] = self.inputs else { return Err("it has known inputs beside others".into()) };
        let (constant, is_first) = match (first, second) {
            (Some(Known::Constant(own)), _) => (own.clone(), true),
            (_, Some(Known::Constant(own))) => (own.clone(), false),
            _ => return Err("an input of it is missing".into()),
        };
        if !constant.is_f32() {
            return Err("its known input is not stored in f32".into());
        }
        let shape = self.shape();
        if constant.count() > shape.iter().skip(1).product() {
            return Err("its known input is larger than what arrives".into());
        }
        let each = |change: fn(f32) -> f32| match constant.floats() {
            Some(values) => Constant::floats_of(constant.dims.clone(), values.into_iter().map(change).collect()),
            None => constant.clone(),
        };
        match (op, is_first) {
            ("Add" | "Sum", _) => self.part(Part::Add(constant), shape),
            ("Mul", _) => self.part(Part::Multiply(constant), shape),
            ("Sub", false) => self.part(Part::Add(each(|value| -value)), shape),
            ("Div", false) => self.part(Part::Multiply(each(f32::recip)), shape),
            _ => Err("there is no layer that takes a value from a known one, or divides by it".into()),
        }
    }
}
