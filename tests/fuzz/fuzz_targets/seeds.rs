//! Writes into the folder that is named where a fuzzer begins: for every target a folder of seeds and a dictionary.
//! Prints the targets' names. No fuzzer itself, but linked like one, because the library expects one around it.

#![no_main]
#![allow(unreachable_code, reason = "it ends before there is anything to fuzz")]

use std::path::Path;

libfuzzer_sys::fuzz_target!(
    init: {
        let code = match write() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("seeds: {error}");
                1
            }
        };
        std::process::exit(code)
    },
    |_data: &[u8]| {}
);

fn write() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("usage: seeds FOLDER"))?;
    for target in waypost_fuzz::TARGETS {
        let seeds = Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&seeds)?;
        for (number, bytes) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(seeds.join(format!("seed-{number:03}")), bytes)?;
        }
        // <https://llvm.org/docs/LibFuzzer.html#dictionaries>: a word in quotes for each line.
        let mut dictionary = String::new();
        for word in target.words {
            dictionary.push('"');
            dictionary.extend(word.bytes().map(|byte| format!("\\x{byte:02x}")));
            dictionary.push_str("\"\n");
        }
        std::fs::write(Path::new(&folder).join(format!("{}.dict", target.name)), dictionary)?;
        println!("{}", target.name);
    }
    Ok(())
}
