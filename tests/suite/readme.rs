//! Every command that the README and the pages behind it show is run, in a folder with the files it names.

use std::process::Command;

use image::{Rgb, RgbImage};
use safetensors::tensor::{Dtype, TensorView};

use crate::common::{project, stdout};
use crate::screens::PICTURES;

const NET: &str = "input: [3, 16, 16]\nclasses: 4\nlayers: [conv3-4, relu, maxpool, flatten, fc-classes]\n";

/// The files that the README's commands speak of.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("my-net.yaml"), NET).expect("written");
    std::fs::write(path("labels.txt"), "one\ntwo\nthree\nfour\n").expect("written");
    RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, 90])).save(path("photo.png")).expect("written");
    let floats = |count: usize| (0..count).flat_map(|at| (at as f32 * 0.01).sin().to_le_bytes()).collect::<Vec<u8>>();
    let labels: Vec<u8> = (0..8i64).flat_map(|at| (at % 4).to_le_bytes()).collect();
    let inputs = floats(8 * 3 * 16 * 16);
    let data = [
        ("input", TensorView::new(Dtype::F32, vec![8, 3, 16, 16], &inputs).expect("sound")),
        ("labels", TensorView::new(Dtype::I64, vec![8], &labels).expect("sound")),
    ];
    safetensors::serialize_to_file(data, None, &path("data.safetensors")).expect("written");
    let shapes = [
        ("conv1.weight", vec![4, 3, 3, 3]),
        ("conv1.bias", vec![4]),
        ("linear1.weight", vec![4, 256]),
        ("linear1.bias", vec![4]),
    ];
    let values: Vec<Vec<u8>> = shapes.iter().map(|(_, shape)| floats(shape.iter().product())).collect();
    let weights = shapes
        .iter()
        .zip(&values)
        .map(|((name, shape), values)| (*name, TensorView::new(Dtype::F32, shape.clone(), values).expect("sound")));
    safetensors::serialize_to_file(weights, None, &path("weights.safetensors")).expect("written");
    for (at, class) in ["a", "b", "c", "d"].iter().enumerate() {
        for part in ["train", "val"] {
            let inside = folder.path().join("images").join(part).join(class);
            std::fs::create_dir_all(&inside).expect("made");
            for image in 0..3u8 {
                let pixel = Rgb([at as u8 * 60, image * 20, 200 - at as u8 * 40]);
                RgbImage::from_pixel(20, 18, pixel).save(inside.join(format!("{image}.png"))).expect("written");
            }
        }
    }
    folder
}

/// The README and then the pages of `docs`, by name, each with its text.
fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_string()];
    let docs = std::fs::read_dir(project("docs")).expect("the pages");
    let found = docs.map(|page| format!("docs/{}", page.expect("a page").file_name().to_string_lossy()));
    let mut more: Vec<String> = found.filter(|name| name.ends_with(".md")).collect();
    more.sort();
    names.append(&mut more);
    names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(project(&name)).expect("a page"))).collect()
}

#[test]
fn links_lead_to_pages_and_headings_that_are_there() {
    let pages = pages();
    // As GitHub makes them: lower case, without punctuation, spaces as hyphens.
    let anchor = |heading: &str| -> String {
        let plain = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = plain.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    let mut links = 0;
    for (name, text) in &pages {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let place = std::path::Path::new(name).parent().expect("a folder").join(path);
            let place = if path.is_empty() { name.into() } else { place };
            let whole = std::fs::canonicalize(project(place.to_str().expect("UTF-8")));
            let whole = whole.unwrap_or_else(|error| panic!("{name}: {target}: {error}"));
            let text = std::fs::read_to_string(whole).expect("a page");
            let has = heading.is_empty() || text.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(has, "{name}: {target}: no such heading");
            links += 1;
        }
    }
    assert!(links >= 8, "{links}");
}

#[test]
fn contributors_are_sent_to_files_that_are_there() {
    let text = std::fs::read_to_string(project("CONTRIBUTING.md")).expect("the page");
    let is_path = |word: &&str| word.starts_with("src/") || word.starts_with("tests/") || word.starts_with(".ci/");
    let paths: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(paths.len() > 25, "{paths:?}");
    for path in paths {
        assert!(project(path).exists(), "{path} is not there");
    }
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let pages = pages();
    let folder = folder();
    let mut inside = false;
    let mut run = 0;
    for line in pages.iter().flat_map(|(_, text)| text.lines()) {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        let Some(command) = line.strip_prefix("convlens ").filter(|_| inside) else { continue };
        let command = command.split(" #").next().unwrap_or(command);
        let output = Command::new(env!("CARGO_BIN_EXE_convlens"))
            .args(command.split_whitespace().map(|word| word.trim_matches('\'')))
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "convlens {command}: {}", String::from_utf8_lossy(&output.stderr));
        run += 1;
    }
    assert!(run >= 18, "only {run} commands were found");
    assert!(folder.path().join("trained.safetensors").exists());
}

#[test]
fn the_yaml_on_a_page_is_sound() {
    let readme = std::fs::read_to_string(project("README.md")).expect("the README");
    let folder = folder();
    let texts: Vec<&str> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(texts.len(), 3);
    for text in texts {
        std::fs::write(folder.path().join("page.yaml"), text).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_convlens"))
            .args(["check", "page.yaml"])
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_table_of_kinds_is_what_the_program_prints() {
    let readme = std::fs::read_to_string(project("README.md")).expect("the README");
    assert!(readme.contains(&stdout(&["kinds", "--format", "markdown"])));
}

/// Each picture of a screen stands on a page for both kinds of background, and each that stands there is drawn by a test.
#[test]
fn the_pages_show_every_picture_that_is_drawn() {
    let mut shown: Vec<String> = Vec::new();
    for (name, text) in pages() {
        let root = if name.starts_with("docs/") { "" } else { "docs/" };
        for (way, ground) in [("srcset=\"", "dark"), ("src=\"", "light")] {
            for path in text.split(way).skip(1).filter_map(|rest| rest.split('"').next()) {
                let picture = path.strip_prefix(&format!("{root}screens/")).unwrap_or_else(|| panic!("{name}: {path}"));
                let drawn = picture.strip_suffix(&format!("-{ground}.svg")).unwrap_or_else(|| panic!("{name}: {path}"));
                assert!(PICTURES.contains(&drawn), "{name}: {path} is drawn by nobody");
                shown.push(picture.to_string());
            }
        }
    }
    for name in PICTURES {
        for ground in ["dark", "light"] {
            assert!(shown.contains(&format!("{name}-{ground}.svg")), "no page shows {name} on {ground} ground");
        }
    }
}
