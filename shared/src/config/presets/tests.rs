use super::*;

fn route(text: &str) -> Route {
    text.parse().unwrap()
}

fn refused(text: &str, words: &[&str]) {
    let error = Presets::parse("my/darkroom.toml", text).unwrap_err().to_string();
    assert!(error.starts_with("my/darkroom.toml: line "), "{error}");
    for word in words {
        assert!(error.contains(word), "'{word}' is not in: {error}");
    }
}

#[test]
fn a_table_is_a_preset_and_its_header_the_upload_path() {
    let presets = Presets::parse(
        "darkroom.toml",
        "[imgfactory.ten]\ncopies = 10\nrotate = { min = 0, max = 2 }\nexif = \"random\"\n\
         [watermark.clean]\nfit = true\nexclude_keywords = [{ value = \"our brand\", rule = \"similar\" }]\n",
    )
    .unwrap();
    let ten = &presets.plan(&route("imgfactory/ten")).unwrap()[0];
    assert_eq!(ten.options["exif"], 1);
    assert_eq!(ten.options["rotate"]["enable"], true);
    assert!(!ten.fit);
    assert!(presets.plan(&route("watermark/clean")).unwrap()[0].fit);
    assert!(presets.plan(&route("watermark/default")).is_some(), "there without a file");
    assert!(presets.plan(&route("watermark/ten")).is_none());
    assert_eq!(presets.names(ProviderName::Imgfactory).collect::<Vec<_>>(), ["default", "ten"]);
    assert_eq!(presets.nearest(&route("watermark/claen")), Some("clean"));
}

#[test]
fn mistakes_are_named_with_file_line_text_and_the_nearest_word() {
    refused("\n[imgfactory.ten]\ncopeis = 10\n", &["line 3", "copeis = 10", "did you mean 'copies'?"]);
    refused("[imgfactory.ten]\nexif = \"radnom\"\n", &["line 2", "radnom", "did you mean 'random'?"]);
    refused("\n\n[imgfactory.own]\nexif = \"own\"\n", &["line 3", "self_exif_id"]);
    refused("[imgfactroy.x]\n", &["line 1", "imgfactroy", "did you mean 'imgfactory'?"]);
    refused("[watermark.x]\nrectangles = 3\n", &["line 2", "rectangles = 3"]);
    refused("[watermark.x]\nexclude_keywords = [{ vaule = \"a\" }]\n", &["line 2", "did you mean 'value'?"]);
    refused("[watermark]\nshow = true\n", &["line 2", "show", "[watermark.default]"]);
    refused("watermark = 3\n", &["line 1", "[watermark.default]"]);
    refused("[watermark.x]\nfit = \"yes\"\n", &["line 2", "fit = \"yes\""]);
    refused("[watermark.x\n", &["line 1"]);
    refused("[vkcloud.x]\nmode = \"resolution\"\nrfactor = 3\n", &["line 3", "rfactor has to be 2 or 4, not 3"]);
    refused("[vkcloud.x]\nmode = \"resolution\"\nrfactor = 2\n", &["line 1", "needs rtype", "art", "photo"]);
    refused("[vkcloud.x]\nrtype = \"foto\"\n", &["line 2", "did you mean 'photo'?"]);
    refused("[vkcloud.x]\nrfactor = 4\n", &["rfactor has no effect without mode = \"resolution\""]);
}

#[test]
fn a_provider_keeps_a_balance_and_a_preset_says_what_a_lost_outcome_means() {
    let text = "[watermark]\nmin_balance = 10\n[watermark.sure]\non_unknown = \"resubmit\"\n";
    let presets = Presets::parse("f", text).unwrap();
    let sure = &presets.plan(&route("watermark/sure")).unwrap()[0];
    assert_eq!((sure.min_balance, sure.on_unknown), (Some(10), OnUnknown::Resubmit));
    let default = &presets.plan(&route("watermark")).unwrap()[0];
    assert_eq!((default.min_balance, default.on_unknown), (Some(10), OnUnknown::Fail));
    refused("[watermark]\nmin_balance = \"ten\"\n", &["line 2", "min_balance"]);
    refused("[watermark.x]\non_unknown = \"resubmitt\"\n", &["line 2", "did you mean 'resubmit'?"]);
}

#[test]
fn an_option_of_another_provider_says_whose_it_is() {
    refused("[watermark.x]\ncopies = 3\n", &["line 2", "'copies' is no option of watermark; it is one of imgfactory"]);
}

#[test]
fn a_wrong_preset_is_told_once_whoever_follows_it() {
    let text = "[watermark.x]\nshwo = true\n[imgfactory.y]\nthen = [\"watermark.x\"]\n";
    assert_eq!(Presets::parse("f", text).unwrap_err().to_string().lines().count(), 1);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[watermark.x]\nshwo = true\n[imgfactory.y]\ncopies = 0\n";
    let error = Presets::parse("f", text).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().map(|line| line.split(':').nth(1).unwrap().trim()).collect();
    assert_eq!(lines, ["line 2", "line 3"], "{error}");
}

#[test]
fn what_is_unwise_is_warned_of_and_taken() {
    let presets = Presets::parse("f", "\n[imgfactory.wild]\nrotate = { min = 0, max = 45 }\n").unwrap();
    assert!(presets.warnings()[0].starts_with("f: line 2: [imgfactory.wild] rotate"), "{:?}", presets.warnings());
}

const CHAIN: &str = "[imgfactory.ten]\nthen = [\"watermark.clean\", \"imgfactory.one\"]\n\
                     [watermark.clean]\nthen = [\"watermark.default\"]\n\
                     [imgfactory.one]\ncopies = 1\n";

#[test]
fn a_chain_brings_along_what_follows_its_links() {
    let presets = Presets::parse("f", CHAIN).unwrap();
    let plan = presets.plan(&route("imgfactory/ten")).unwrap();
    let routes: Vec<String> = plan.iter().map(|step| step.route.to_string()).collect();
    assert_eq!(routes, ["imgfactory/ten", "watermark/clean", "watermark/default", "imgfactory/one"]);
    assert_eq!(plan[3].options["copies"], 1);
}

#[test]
fn a_step_may_come_twice_without_being_a_loop() {
    let text = "[imgfactory.one]\ncopies = 1\n[watermark.x]\nthen = [\"imgfactory.one\", \"imgfactory.one\"]\n";
    assert_eq!(Presets::parse("f", text).unwrap().plan(&route("watermark/x")).unwrap().len(), 3);
}

#[test]
fn a_chain_that_cannot_be_is_refused() {
    let round = "[watermark.a]\nthen = [\"imgfactory.b\"]\n[imgfactory.b]\nthen = [\"watermark.a\"]\n";
    refused(round, &["line 2", "line 4", "loops: watermark.a → imgfactory.b → watermark.a"]);
    refused("[watermark.a]\nthen = [\"watermark.a\"]\n", &["line 2", "loops: watermark.a → watermark.a"]);
    refused("[watermark.clean]\n[imgfactory.a]\nthen = [\"watermark.claen\"]\n", &["line 3", "did you mean 'clean'?"]);
    refused("[imgfactory.a]\nthen = [\"watermrk.clean\"]\n", &["line 2", "watermrk", "did you mean 'watermark'?"]);
    refused("[imgfactory.a]\nthen = [\"watermark/default\"]\n", &["line 2", "with a dot"]);
    refused("[imgfactory.a]\nthen = \"watermark.default\"\n", &["line 2", "then = "]);
    refused("[watermark.a]\nocr_only = true\nthen = [\"imgfactory.default\"]\n", &["line 3", "no image"]);
    let blind = "[watermark.read]\nocr_only = true\n\
                 [imgfactory.a]\nthen = [\"watermark.read\", \"imgfactory.default\"]\n";
    refused(blind, &["line 4", "watermark.read", "no image"]);
    let end = "[watermark.read]\nocr_only = true\n[imgfactory.a]\nthen = [\"watermark.read\"]\n";
    assert!(Presets::parse("f", end).is_ok(), "it may stand at the end");
    let long = format!("[watermark.a]\nthen = [{}]\n", "\"imgfactory.default\", ".repeat(16));
    refused(&long, &["line 2", "16 steps"]);
}
