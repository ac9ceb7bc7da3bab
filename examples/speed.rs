use convlens::network::Compiled;
use convlens::network::init::Init;
use convlens::run::forward::noise;
use convlens::spec::Library;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runs: usize = args[0].parse().unwrap();
    for id in &args[1..] {
        let (id, images) = id.split_once(':').map_or((id.as_str(), 1), |(id, n)| (id, n.parse().unwrap()));
        let loaded = Library::new(None).load(id, &[]).expect("bundled");
        let network = convlens::graph::analyse(&loaded).expect("bundled");
        let mut compiled = Compiled::initialised(&network, Init::Kaiming, 0);
        let (c, h, w) = compiled.input_dims();
        let input = compiled.batch(noise(images * c * h * w, 1));
        let start = Instant::now();
        compiled.predict(input.clone());
        let first = start.elapsed();
        let mut times: Vec<f64> = (0..runs)
            .map(|_| {
                let s = Instant::now();
                compiled.predict(input.clone());
                s.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{id} x{images}: median {:.2} min {:.2} ms (first {:.0})",
            times[times.len() / 2],
            times[0],
            first.as_secs_f64() * 1e3
        );
    }
}
