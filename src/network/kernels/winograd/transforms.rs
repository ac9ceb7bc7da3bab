//! The small matrices of F(4×4, 3×3), applied to sixteen tiles (or kernels) side by side.

pub const LANES: usize = 16;
/// One value of each of sixteen tiles.
pub type Lanes = [f32; LANES];
/// Outputs of a tile, inputs of a tile, places of a tile.
pub const OUT: usize = 4;
pub const IN: usize = 6;
pub const PLACES: usize = IN * IN;

/// Sixteen values at once; a slice of unknown length would be copied by a call.
#[inline(always)]
pub fn store(target: &mut [f32], values: &Lanes) {
    if let Some(target) = target.first_chunk_mut() {
        *target = *values;
    }
}

#[inline(always)]
pub fn load(source: &[f32]) -> Lanes {
    source.first_chunk().copied().unwrap_or([0.0; LANES])
}

/// a·x + b·y + …, lane by lane.
#[inline(always)]
fn mix<const N: usize>(terms: [(f32, &Lanes); N]) -> Lanes {
    let mut sum = [0.0; LANES];
    for lane in 0..LANES {
        let mut value = 0.0;
        for (factor, lanes) in &terms {
            value += factor * lanes[lane];
        }
        sum[lane] = value;
    }
    sum
}

/// Bᵀ·d along one axis.
#[inline(always)]
fn input_1d(d: [&Lanes; IN]) -> [Lanes; IN] {
    [
        mix([(4.0, d[0]), (-5.0, d[2]), (1.0, d[4])]),
        mix([(-4.0, d[1]), (-4.0, d[2]), (1.0, d[3]), (1.0, d[4])]),
        mix([(4.0, d[1]), (-4.0, d[2]), (-1.0, d[3]), (1.0, d[4])]),
        mix([(-2.0, d[1]), (-1.0, d[2]), (2.0, d[3]), (1.0, d[4])]),
        mix([(2.0, d[1]), (-1.0, d[2]), (-2.0, d[3]), (1.0, d[4])]),
        mix([(4.0, d[1]), (-5.0, d[3]), (1.0, d[5])]),
    ]
}

/// Aᵀ·m along one axis.
#[inline(always)]
fn output_1d(m: [&Lanes; IN]) -> [Lanes; OUT] {
    [
        mix([(1.0, m[0]), (1.0, m[1]), (1.0, m[2]), (1.0, m[3]), (1.0, m[4])]),
        mix([(1.0, m[1]), (-1.0, m[2]), (2.0, m[3]), (-2.0, m[4])]),
        mix([(1.0, m[1]), (1.0, m[2]), (4.0, m[3]), (4.0, m[4])]),
        mix([(1.0, m[1]), (-1.0, m[2]), (8.0, m[3]), (-8.0, m[4]), (1.0, m[5])]),
    ]
}

/// A·dy along one axis.
#[inline(always)]
fn gradient_1d(y: [&Lanes; OUT]) -> [Lanes; IN] {
    [
        *y[0],
        mix([(1.0, y[0]), (1.0, y[1]), (1.0, y[2]), (1.0, y[3])]),
        mix([(1.0, y[0]), (-1.0, y[1]), (1.0, y[2]), (-1.0, y[3])]),
        mix([(1.0, y[0]), (2.0, y[1]), (4.0, y[2]), (8.0, y[3])]),
        mix([(1.0, y[0]), (-2.0, y[1]), (4.0, y[2]), (-8.0, y[3])]),
        *y[3],
    ]
}

/// G·g along one axis.
#[inline(always)]
fn kernel_1d(g: [&Lanes; 3]) -> [Lanes; IN] {
    const SIXTH: f32 = 1.0 / 6.0;
    [
        mix([(0.25, g[0])]),
        mix([(-SIXTH, g[0]), (-SIXTH, g[1]), (-SIXTH, g[2])]),
        mix([(-SIXTH, g[0]), (SIXTH, g[1]), (-SIXTH, g[2])]),
        mix([(1.0 / 24.0, g[0]), (1.0 / 12.0, g[1]), (SIXTH, g[2])]),
        mix([(1.0 / 24.0, g[0]), (-1.0 / 12.0, g[1]), (SIXTH, g[2])]),
        *g[2],
    ]
}

/// Gᵀ·u along one axis.
#[inline(always)]
fn kernel_gradient_1d(u: [&Lanes; IN]) -> [Lanes; 3] {
    const SIXTH: f32 = 1.0 / 6.0;
    [
        mix([(0.25, u[0]), (-SIXTH, u[1]), (-SIXTH, u[2]), (1.0 / 24.0, u[3]), (1.0 / 24.0, u[4])]),
        mix([(-SIXTH, u[1]), (SIXTH, u[2]), (1.0 / 12.0, u[3]), (-1.0 / 12.0, u[4])]),
        mix([(-SIXTH, u[1]), (-SIXTH, u[2]), (SIXTH, u[3]), (SIXTH, u[4]), (1.0, u[5])]),
    ]
}

/// A one-axis transform from `FROM` to `TO` values along rows, then along columns.
#[inline(always)]
fn along_both<const FROM: usize, const TO: usize, const FROM2: usize, const TO2: usize>(
    values: &[Lanes; FROM2],
    transform: impl Fn([&Lanes; FROM]) -> [Lanes; TO],
) -> [Lanes; TO2] {
    let mut half = [[[0.0; LANES]; FROM]; TO];
    for x in 0..FROM {
        let column = transform(std::array::from_fn(|y| &values[y * FROM + x]));
        for y in 0..TO {
            half[y][x] = column[y];
        }
    }
    let mut done = [[0.0; LANES]; TO2];
    for (y, row) in half.iter().enumerate() {
        let row = transform(std::array::from_fn(|x| &row[x]));
        for x in 0..TO {
            done[y * TO + x] = row[x];
        }
    }
    done
}

/// Bᵀ·d·B.
#[inline(always)]
pub fn input_both(values: &[Lanes; PLACES]) -> [Lanes; PLACES] {
    along_both::<IN, IN, PLACES, PLACES>(values, input_1d)
}

/// Aᵀ·m·A.
#[inline(always)]
pub fn output_both(values: &[Lanes; PLACES]) -> [Lanes; OUT * OUT] {
    along_both::<IN, OUT, PLACES, { OUT * OUT }>(values, output_1d)
}

/// A·dy·Aᵀ.
#[inline(always)]
pub fn gradient_both(values: &[Lanes; OUT * OUT]) -> [Lanes; PLACES] {
    along_both::<OUT, IN, { OUT * OUT }, PLACES>(values, gradient_1d)
}

/// G·g·Gᵀ.
#[inline(always)]
pub fn kernel_both(values: &[Lanes; 9]) -> [Lanes; PLACES] {
    along_both::<3, IN, 9, PLACES>(values, kernel_1d)
}

/// Gᵀ·u·G.
#[inline(always)]
pub fn kernel_gradient_both(values: &[Lanes; PLACES]) -> [Lanes; 9] {
    along_both::<IN, 3, PLACES, 9>(values, kernel_gradient_1d)
}
