//! What slides over maps, or makes them larger or smaller.

use super::attributes::{float, int, ints, text};
use super::constant::Constant;
use super::net::{Part, What};
use super::translate::{Known, Reading, Said};
use crate::graph::{Operation, Window, output_size};
use crate::reason::Reason;
use crate::spec::describe::{Pair, Sides, UpsampleMode};

/// Two numbers of at least 1.
fn pair(values: Option<&[i64]>, default: u64) -> Result<Pair, Reason> {
    let size = |value: i64| {
        let size = u64::try_from(value).ok().filter(|size| (1..=crate::spec::limits::DIMENSION).contains(size));
        size.ok_or_else(|| format!("{value} is no size"))
    };
    match values {
        None => Ok(Pair::square(default)),
        Some([height, width]) => Ok(Pair { height: size(*height)?, width: size(*width)? }),
        Some(other) => Err(format!("it slides over {} dimensions, and maps have two", other.len()).into()),
    }
}

/// Whether a window has these sides.
fn is_window(rows: u64, columns: u64) -> bool {
    [rows, columns].iter().all(|side| (1..=crate::spec::limits::DIMENSION).contains(side))
}

impl Reading<'_, '_> {
    /// Kernel, stride, dilation, and the padding that is written or follows from `auto_pad`.
    fn window(&self, kernel: Pair, [height, width]: [u64; 2]) -> Result<Window, Reason> {
        let node = self.node;
        let (stride, dilation) = (pair(ints(node, "strides"), 1)?, pair(ints(node, "dilations"), 1)?);
        let auto = text(node, "auto_pad").unwrap_or("NOTSET");
        let padding = match auto {
            "NOTSET" => match ints(node, "pads") {
                None => Sides::NONE,
                Some(&[top, left, bottom, right]) => {
                    let size = |pad: i64| {
                        let size = u64::try_from(pad).ok().filter(|&pad| pad <= crate::spec::limits::DIMENSION);
                        size.ok_or_else(|| format!("a padding of {pad} cannot be"))
                    };
                    Sides { top: size(top)?, left: size(left)?, bottom: size(bottom)?, right: size(right)? }
                }
                Some(other) => return Err(format!("it has {} paddings, and maps have four sides", other.len()).into()),
            },
            "VALID" => Sides::NONE,
            "SAME_UPPER" | "SAME_LOWER" => {
                let total = |n: u64, kernel: u64, stride: u64, dilation: u64| {
                    let reach = (n.div_ceil(stride) - 1) * stride + dilation * (kernel - 1) + 1;
                    reach.saturating_sub(n)
                };
                let rows = total(height, kernel.height, stride.height, dilation.height);
                let columns = total(width, kernel.width, stride.width, dilation.width);
                let share = |total: u64| match auto {
                    "SAME_UPPER" => (total / 2, total - total / 2),
                    _ => (total - total / 2, total / 2),
                };
                let ((top, bottom), (left, right)) = (share(rows), share(columns));
                Sides { top, bottom, left, right }
            }
            other => return Err(format!("its auto_pad is `{other}`").into()),
        };
        Ok(Window { kernel, stride, padding, dilation })
    }

    /// Rows and columns that come out of a window.
    fn slid(window: Window, [height, width]: [u64; 2], ceil: bool) -> Result<[u64; 2], Reason> {
        let axis = |n: u64, pick: fn(Pair) -> u64| {
            let (before, after) = (pick(window.padding.before()), pick(window.padding.after()));
            output_size(n, pick(window.kernel), pick(window.stride), (before, after), pick(window.dilation), ceil)
        };
        let sides = (axis(height, |pair| pair.height), axis(width, |pair| pair.width));
        match sides {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => Err("its window is larger than what arrives".into()),
        }
    }

    pub fn conv(&mut self) -> Said {
        let ([channels, height, width], images) = (self.map()?, self.shape()[0]);
        let weight = self.tensor(1, "weight tensor")?;
        let [out, inputs, rows, columns] = weight.dims[..] else {
            return Err("its weights have not four dimensions".into());
        };
        let groups = u64::try_from(int(self.node, "group").unwrap_or(1)).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or("its number of groups is no whole number above 0")?;
        if inputs.checked_mul(groups) != Some(channels) || !out.is_multiple_of(groups) || !is_window(rows, columns) {
            return Err(format!("its weights take {inputs} × {groups} channels, and {channels} arrive").into());
        }
        let window = self.window(Pair { height: rows, width: columns }, [height, width])?;
        let [height, width] = Self::slid(window, [height, width], false)?;
        let tensors = self.weight_and_bias(weight, out)?;
        let operation = Operation::Conv { window, groups, bias: tensors.len() == 2 };
        self.push(What::Is(operation), vec![images, out, height, width], tensors)
    }

    fn weight_and_bias(&self, weight: Constant, out: u64) -> Result<Vec<(&'static str, Constant)>, Reason> {
        let mut tensors = vec![("weight", weight)];
        if let Some(Some(_)) = self.inputs.get(2) {
            let bias = self.tensor(2, "bias")?;
            if bias.count() != out {
                return Err(format!("its bias has {} values for {out} channels", bias.count()).into());
            }
            tensors.push(("bias", bias.shaped(vec![out])));
        }
        Ok(tensors)
    }

    pub fn conv_transpose(&mut self) -> Said {
        let ([channels, height, width], images) = (self.map()?, self.shape()[0]);
        let weight = self.tensor(1, "weight tensor")?;
        let [inputs, per_group, rows, columns] = weight.dims[..] else {
            return Err("its weights have not four dimensions".into());
        };
        let groups = u64::try_from(int(self.node, "group").unwrap_or(1)).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or("its number of groups is no whole number above 0")?;
        let out = per_group.checked_mul(groups).ok_or("it has too many channels")?;
        if inputs != channels || !inputs.is_multiple_of(groups) || !is_window(rows, columns) {
            return Err(format!("its weights take {inputs} channels, and {channels} arrive").into());
        }
        if ints(self.node, "output_shape").is_some() || text(self.node, "auto_pad").is_some_and(|auto| auto != "NOTSET")
        {
            return Err("its padding follows from its output, and is not written".into());
        }
        let window = self.window(Pair { height: rows, width: columns }, [height, width])?;
        let padding = window.padding.symmetric().ok_or("its padding differs from side to side")?;
        let more = match ints(self.node, "output_padding") {
            None => Pair::square(0),
            Some([height, width]) if [*height, *width].iter().all(|more| (0..1 << 24).contains(more)) => {
                Pair { height: *height as u64, width: *width as u64 }
            }
            Some(_) => return Err("its output_padding does not fit".into()),
        };
        let axis = |n: u64, pick: fn(Pair) -> u64| {
            let whole = (n - 1).checked_mul(pick(window.stride))?;
            let whole = whole.checked_add(pick(window.dilation) * (pick(window.kernel) - 1) + 1 + pick(more))?;
            whole.checked_sub(2 * pick(padding)).filter(|&size| size > 0)
        };
        let sides = axis(height, |pair| pair.height).zip(axis(width, |pair| pair.width));
        let (height, width) = sides.ok_or("nothing comes out of it")?;
        let tensors = self.weight_and_bias(weight, out)?;
        let bias = tensors.len() == 2;
        let operation = Operation::ConvTranspose { window, output_padding: more, groups, bias };
        self.push(What::Is(operation), vec![images, out, height, width], tensors)
    }

    pub fn pool(&mut self, is_max: bool) -> Said {
        let ([channels, height, width], images) = (self.map()?, self.shape()[0]);
        let node = self.node;
        if node.output.len() > 1 && node.output[1..].iter().any(|name| !name.is_empty()) {
            return Err("it also gives the places of its maxima".into());
        }
        let kernel = pair(ints(node, "kernel_shape"), 1)?;
        let window = self.window(kernel, [height, width])?;
        if window.dilation != Pair::square(1) {
            return Err("its window has gaps".into());
        }
        let ceil = int(node, "ceil_mode").unwrap_or(0) != 0;
        let sides = Self::slid(window, [height, width], ceil)?;
        let shape = vec![images, channels, sides[0], sides[1]];
        let counts = int(node, "count_include_pad").unwrap_or(0) != 0;
        // Padding at the end that only makes room for one window more is how rounding up is written, too.
        let even = Window { padding: Sides::around(window.padding.before()), ..window };
        let rounds_up = !ceil
            && window.padding.symmetric().is_none()
            && Self::slid(even, [height, width], true).is_ok_and(|own| own == sides)
            && (is_max || !counts && even.padding == Sides::NONE);
        let (window, ceil) = if rounds_up { (even, true) } else { (window, ceil) };
        let Sides { top, bottom, left, right } = window.padding;
        if 2 * top.max(bottom) > kernel.height || 2 * left.max(right) > kernel.width {
            return Err("its padding is more than half its window".into());
        }
        let same_upper = || {
            let sides = Sides { top: 0, left: 0, ..window.padding };
            sides == window.padding || window.padding.after().height >= window.padding.before().height
        };
        let operation = match is_max {
            true => Operation::MaxPool { window, ceil },
            false if window.padding == Sides::NONE => Operation::AvgPool { window, ceil, counts_padding: true },
            false if counts => Operation::AvgPool { window, ceil, counts_padding: true },
            false if !ceil && same_upper() && self.is_same_upper(window, [height, width]) => {
                Operation::AvgPool { window, ceil, counts_padding: false }
            }
            false => {
                return Err("its padding is left out of the means, which only TensorFlow's `same` does here".into());
            }
        };
        self.push(What::Is(operation), shape, Vec::new())
    }

    /// Whether padding is what TensorFlow's `same` would be.
    fn is_same_upper(&self, window: Window, sides: [u64; 2]) -> bool {
        let (kernel, stride) = (window.kernel.to_array(), window.stride.to_array());
        let total =
            |at: usize| ((sides[at].div_ceil(stride[at]) - 1) * stride[at] + kernel[at]).saturating_sub(sides[at]);
        let (rows, columns) = (total(0), total(1));
        window.padding
            == Sides { top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2 }
    }

    pub fn global_max(&mut self) -> Said {
        let [channels, height, width] = self.map()?;
        let kernel = Pair { height, width };
        let window = Window { kernel, stride: kernel, padding: Sides::NONE, dilation: Pair::square(1) };
        let shape = vec![self.shape()[0], channels, 1, 1];
        self.push(What::Is(Operation::MaxPool { window, ceil: false }), shape, Vec::new())
    }

    pub fn global_average(&mut self, keeps: bool) -> Said {
        let [channels, ..] = self.map()?;
        let images = self.shape()[0];
        let pooled = self.push(What::Is(Operation::GlobalAvgPool), vec![images, channels, 1, 1], Vec::new())?;
        if keeps {
            return Ok(pooled);
        }
        if let [Known::Value(value)] = pooled[..] {
            self.x = value;
        }
        self.part(Part::Reshape, vec![images, channels])
    }

    pub fn reduce_mean(&mut self) -> Said {
        self.map()?;
        let mut axes: Vec<i64> =
            self.whole(1, "axes").unwrap_or_default().iter().map(|&axis| self.axis(axis)).collect();
        axes.sort_unstable();
        match axes[..] {
            [2, 3] => self.global_average(int(self.node, "keepdims").unwrap_or(1) != 0),
            _ => Err("only the mean over rows and columns is read".into()),
        }
    }

    pub fn resize(&mut self) -> Said {
        let [channels, height, width] = self.map()?;
        let (node, opset) = (self.node, self.translator.opset);
        let is_upsample = node.op_type == "Upsample";
        let (scales_at, sizes_at) = if is_upsample || opset < 11 { (1, usize::MAX) } else { (2, 3) };
        let scales = self.constant(scales_at).and_then(Constant::floats).filter(|scales| scales.len() == 4);
        let sizes = self.constant(sizes_at).and_then(Constant::ints).filter(|sizes| sizes.len() == 4);
        let scale = match (scales, sizes) {
            (_, Some(sizes)) => {
                let whole = |to: i64, from: u64| {
                    u64::try_from(to).ok().filter(|to| to.is_multiple_of(from)).map(|to| to / from)
                };
                whole(sizes[2], height).zip(whole(sizes[3], width)).filter(|_| sizes[1] as u64 == channels)
            }
            (Some(scales), None) => {
                let whole = |scale: f32| (scale.fract() == 0.0 && (1.0..1e6).contains(&scale)).then_some(scale as u64);
                whole(scales[2]).zip(whole(scales[3])).filter(|_| scales[..2] == [1.0, 1.0])
            }
            (None, None) => return Err("its sizes are computed".into()),
        };
        let (rows, columns) =
            scale.filter(|&(rows, columns)| rows > 0 && columns > 0).ok_or("only whole scales are read")?;
        let place = text(node, "coordinate_transformation_mode").unwrap_or(if opset < 11 {
            "asymmetric"
        } else {
            "half_pixel"
        });
        let nearest = text(node, "nearest_mode").unwrap_or("round_prefer_floor");
        let mode = match text(node, "mode").unwrap_or("nearest") {
            "nearest" => match (place, nearest) {
                _ if is_upsample || opset < 11 => UpsampleMode::Nearest,
                ("asymmetric", "floor") => UpsampleMode::Nearest,
                // For whole scales the nearest pixel is the one that is repeated.
                ("half_pixel" | "pytorch_half_pixel", "round_prefer_floor" | "round_prefer_ceil") => {
                    UpsampleMode::Nearest
                }
                ("half_pixel_symmetric", "round_prefer_floor") => UpsampleMode::Nearest,
                other => return Err(format!("its nearest pixels are chosen by {} and {}", other.0, other.1).into()),
            },
            "linear" | "bilinear" if matches!(place, "half_pixel" | "pytorch_half_pixel") => UpsampleMode::Bilinear,
            "linear" | "bilinear" => {
                return Err(
                    format!("its pixels stand at `{place}`; here they stand as with align_corners=False").into()
                );
            }
            other => return Err(format!("its mode is `{other}`; nearest and linear are read").into()),
        };
        let shape = vec![self.shape()[0], channels, height * rows, width * columns];
        if rows == 1 && columns == 1 {
            return Ok(vec![Known::Value(self.x)]);
        }
        let scale = Pair { height: rows, width: columns };
        self.push(What::Is(Operation::Upsample { scale, mode }), shape, Vec::new())
    }

    pub fn pad(&mut self) -> Said {
        let [channels, height, width] = self.map()?;
        let node = self.node;
        if text(node, "mode").unwrap_or("constant") != "constant" {
            return Err("only padding with a constant is read".into());
        }
        let given = self.whole(1, "pads").ok_or("its padding is computed")?;
        let axes = self.whole(3, "axes").unwrap_or_else(|| vec![0, 1, 2, 3]);
        if given.len() != 2 * axes.len() {
            return Err("its padding does not fit".into());
        }
        let mut pads = [0u64; 8];
        for (at, &axis) in axes.iter().enumerate() {
            let axis = usize::try_from(self.axis(axis)).ok().filter(|&axis| axis < 4).ok_or("it has no such axis")?;
            for (place, value) in [(axis, given[at]), (axis + 4, given[at + axes.len()])] {
                let size = u64::try_from(value).ok().filter(|&size| size <= crate::spec::limits::DIMENSION);
                pads[place] = size.ok_or("it takes rows away")?;
            }
        }
        let [images_before, before, top, left, images_behind, behind, bottom, right] = pads;
        if images_before + images_behind > 0 {
            return Err("it adds images".into());
        }
        if pads == [0; 8] {
            return Ok(vec![Known::Value(self.x)]);
        }
        let value = match self.inputs.get(2) {
            Some(Some(_)) => self.constant(2).and_then(Constant::scalar).ok_or("its value is computed")?,
            _ => float(node, "value").unwrap_or(0.0),
        };
        let shape = vec![self.shape()[0], channels + before + behind, height + top + bottom, width + left + right];
        self.part(Part::Pad { sides: [top, left, bottom, right], channels: [before, behind], value }, shape)
    }
}
