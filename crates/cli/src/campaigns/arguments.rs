//! The arguments of what makes drafts.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;

use crate::send::{ValueArgs, pair};
use crate::server::ServerArgs;
use crate::times::ahead;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost campaigns create winter --number support-es --template winter_offer --pace 20/s --file customers.csv
  waypost campaigns create gold --number support-es --template winter_offer --tier gold --value '{{first_name}}'
  waypost campaigns create winter --number support-es --template winter_offer --language es --fallback en

It is a draft: `waypost campaigns start` sends it. See `waypost campaigns add --help` for files and queries.")]
pub struct CampaignCreateArgs {
    /// What it is called: 1 to 63 small letters, digits and dashes
    pub(super) campaign: String,
    /// From which of the business's numbers: support-es, or numbers/support-es
    #[arg(long, value_name = "NUMBER")]
    pub(super) number: String,
    /// The template, by Meta's name of it
    #[arg(long, value_name = "NAME")]
    pub(super) template: String,
    /// The template's language, e.g. es or pt_BR; each contact's where left out
    #[arg(long, value_name = "TAG", default_value = "")]
    pub(super) language: String,
    /// Which language will do instead; once for each, the best first. Those of the policy data where left out
    #[arg(long = "fallback", value_name = "TAG")]
    pub(super) fallback: Vec<String>,
    /// Messages that are put in the queue a second or a minute at most: 20/s or 600/min; as many as the number takes where left
    /// out
    #[arg(long, value_name = "PACE", value_parser = pace, default_value = "0/min")]
    pub(super) pace: u32,
    /// Of no use any more from then on: a time, or in how long, e.g. 2d
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    pub(super) expires: Option<SystemTime>,
    #[command(flatten)]
    pub(super) whom: WhomArgs,
    /// Check the campaign, make nothing
    #[arg(long, conflicts_with_all = ["file", "tier", "attributes", "reads", "everybody"])]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

/// Whom it is for.
#[derive(Debug, Args)]
pub(crate) struct WhomArgs {
    /// A file with a row for each: FILE.csv, or JSON lines
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tier", "attributes", "reads", "everybody"])]
    pub(super) file: Option<PathBuf>,
    /// All contacts of this tier
    #[arg(long, value_name = "TIER", default_value = "")]
    pub(super) tier: String,
    /// All contacts with this attribute; once for each that they must have
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) attributes: Vec<(String, String)>,
    /// All contacts who read this language; pt is also who reads pt-BR
    #[arg(long, value_name = "TAG", default_value = "")]
    pub(super) reads: String,
    /// All contacts
    #[arg(long, conflicts_with_all = ["tier", "attributes", "reads"])]
    pub(super) everybody: bool,
    /// Of a query: what each gets, where {{name}} is that attribute of the contact
    #[command(flatten)]
    pub(super) values: ValueArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost campaigns add winter --file customers.csv
  waypost campaigns add winter --attribute city=Sevilla --reads es --value '{{first_name}}'

A CSV file (*.csv) begins with the names of its columns: phone, bsuid or contact say who it is; 1, 2 … are values of the
template's text by order, any other column one by its name; header_text, header_image and header_document are its header, and
0:url_suffix (or payload, one_time_code, coupon_code, flow_token) a button, by its place. What is empty is left out.

  phone,1,2,1:url_suffix
  34600000000,Ann,tomorrow,a17

Any other file has a JSON object a line: {\"to\": {\"phone\": \"34600000000\"}, \"values\": {\"body\": [{\"text\": \"Ann\"}]}}.

Rows that cannot be sent are listed with their line, field and why, and kept as rejected; the others are carried out, and the exit
code is then 3.")]
pub struct CampaignAddArgs {
    /// The draft: winter, or campaigns/winter
    pub(super) campaign: String,
    #[command(flatten)]
    pub(super) whom: WhomArgs,
    /// Begin at this line of the file
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) from_line: u64,
    /// Check every row, add nothing
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

impl WhomArgs {
    pub(super) fn says_who(&self) -> bool {
        self.file.is_some() || self.is_query()
    }

    fn is_query(&self) -> bool {
        self.everybody || !self.tier.is_empty() || !self.reads.is_empty() || !self.attributes.is_empty()
    }
}

/// Messages a minute.
fn pace(text: &str) -> Result<u32, &'static str> {
    const EXPECTED: &str = "expected a number and /s or /min, e.g. 20/s";
    let (count, unit) = text.split_once('/').ok_or(EXPECTED)?;
    let count: u32 = count.parse().map_err(|_| EXPECTED)?;
    match unit {
        "s" => count.checked_mul(60).ok_or(EXPECTED),
        "min" => Ok(count),
        _ => Err(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_so_many_a_second_or_a_minute() {
        assert_eq!((pace("20/s"), pace("600/min"), pace("0/min")), (Ok(1200), Ok(600), Ok(0)));
        for bad in ["", "20", "20/h", "/s", "-1/s", "1.5/s", "4294967295/s"] {
            assert!(pace(bad).is_err(), "{bad}");
        }
    }
}
