//! The architectures that come with the binary: the files of `architectures/`, embedded.

macro_rules! bundled {
    ($($id:literal),* $(,)?) => {
        /// Id and text of every bundled architecture, in the order they are listed.
        pub const BUNDLED: &[(&str, &str)] = &[
            $(($id, include_str!(concat!("../../architectures/", $id, ".yaml")))),*
        ];
    };
}

bundled![
    "vgg11",
    "vgg11-lrn",
    "vgg13",
    "vgg16-c",
    "vgg16",
    "vgg19",
    "vgg11_bn",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19_bn",
    "vgg13-5x5",
    "vgg16-7x7",
    "vgg11-cifar",
    "vgg-mini",
    "deep-plain",
    "deep-bn",
    "tinyvgg",
    "repvgg-a0",
    "repvgg-a0-deploy",
    "lenet5",
    "alexnet",
    "zfnet",
    "nin-cifar",
    "darknet19",
    "googlenet",
    "inception_v3",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet20-cifar",
    "wrn-16-4",
    "se-resnet50",
    "densenet121",
    "squeezenet1_1",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "unet",
    "one-5x5",
    "two-3x3",
];

/// The text of a bundled architecture.
pub fn text(id: &str) -> Option<&'static str> {
    BUNDLED.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
}

/// The family that a bundled architecture says it is of, or that the one it extends says: found without reading the YAML, for a
/// list that is drawn before anything is read.
pub fn family(id: &str) -> Option<&'static str> {
    let mut own = text(id)?;
    loop {
        let value = |key: &str| own.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        match value("family:") {
            Some(family) => return Some(family),
            None => own = text(value("extends:")?)?,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_family_is_what_the_whole_file_says() {
        let library = crate::spec::Library::new(None);
        for (id, _) in super::BUNDLED {
            let read = library.load_origin(&crate::spec::Origin::Bundled(id), &[]).unwrap();
            assert_eq!(super::family(id), read.architecture.family.as_deref(), "{id}");
        }
    }

    #[test]
    fn every_file_of_the_architectures_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/architectures");
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let id = path.file_stem().unwrap().to_str().unwrap().to_string();
            assert!(super::text(&id).is_some(), "{id} is not in the list");
        }
    }
}
