//! All texts of the pages, in all languages: one catalogue, which the compiler holds complete. The words in which a job's
//! trouble was written down (reasons, warnings) are not here: they are written where it happens, in English.

macro_rules! catalogue {
    ($($name:ident: $english:literal, $russian:literal, $chinese:literal;)*) => {
        /// Texts in one language.
        #[derive(Debug)]
        pub(crate) struct Texts {
            $(pub(crate) $name: &'static str,)*
        }

        pub(crate) static ENGLISH: Texts = Texts { $($name: $english,)* };
        pub(crate) static RUSSIAN: Texts = Texts { $($name: $russian,)* };
        pub(crate) static CHINESE: Texts = Texts { $($name: $chinese,)* };

        #[cfg(test)]
        const ALL: &[(&str, [&str; 3])] = &[$((stringify!($name), [$english, $russian, $chinese]),)*];
    };
}

catalogue! {
    // The frame of every page.
    skip: "Skip to content", "К содержанию", "跳到内容";
    pages: "Pages", "Страницы", "页面";
    jobs: "Jobs", "Задания", "任务";
    upload: "Upload", "Загрузить", "上传";
    providers: "Providers", "Сервисы", "服务商";
    sign_out: "Sign out", "Выйти", "退出登录";
    about: "darkroom: drop a photo, the right service works on it, the result lies in the bucket.",
        "darkroom: положите снимок, нужный сервис его обработает, результат окажется в хранилище.",
        "darkroom：放入照片，由合适的服务处理，结果存放在存储桶中。";

    // Login.
    sign_in: "Sign in", "Войти", "登录";
    token: "Token", "Ключ доступа", "访问令牌";
    token_hint: "Whoever set up darkroom has it: the value of DARKROOM_GALLERY_TOKEN.",
        "Он есть у того, кто настроил darkroom: значение DARKROOM_GALLERY_TOKEN.",
        "由部署 darkroom 的人提供：DARKROOM_GALLERY_TOKEN 的值。";
    token_wrong: "That is not the token. Try again.", "Ключ не подходит. Попробуйте ещё раз.", "令牌不正确，请重试。";

    // The list of jobs.
    no_jobs: "No pictures yet.", "Снимков пока нет.", "还没有图片。";
    no_jobs_found: "No job matches.", "Ничего не найдено.", "没有匹配的任务。";
    upload_first: "Upload some", "Загрузите первые", "上传图片";
    show_all: "Show all", "Показать все", "显示全部";
    filter: "Filter", "Отобрать", "筛选";
    state: "State", "Состояние", "状态";
    provider: "Provider", "Сервис", "服务商";
    route: "Route", "Маршрут", "路线";
    text: "Name or id", "Имя или номер", "名称或编号";
    any: "any", "любой", "不限";
    older: "Older jobs", "Более ранние", "更早的任务";
    newest: "Newest jobs", "Самые новые", "最新任务";
    searched_until: "Looked as far back as", "Просмотрено до", "已查找至";
    go_on_looking: "Look further back", "Искать дальше", "继续查找";
    select: "Select", "Выбрать", "选择";
    select_all: "Select all failed", "Выбрать все неудачные", "选择全部失败任务";
    retry_selected: "Retry selected", "Повторить выбранные", "重试所选";
    no_picture: "No preview", "Нет предпросмотра", "无预览";

    said_retried: "Queued again.", "Снова в очереди.", "已重新排队。";
    said_nothing_chosen: "No job was selected.", "Ничего не выбрано.", "未选择任务。";
    said_goes_on: "On its way: the new job appears here in a moment.", "В пути: новое задание появится здесь через мгновение.",
        "已提交：新任务很快会出现在这里。";
    said_released: "Released: the waiting images go now.", "Возобновлено: ожидающие снимки пошли.", "已恢复：等待的图片现在继续。";

    // States.
    state_queued: "queued", "в очереди", "排队中";
    state_submitting: "being sent", "отправляется", "提交中";
    state_waiting: "at work", "в работе", "处理中";
    state_ready: "being fetched", "забираем", "取回中";
    state_done: "done", "готово", "完成";
    state_failed: "failed", "не удалось", "失败";

    // What unfinished jobs wait for.
    waits_for_hold: "Waits: {provider} is on hold.", "Ждёт: {provider} приостановлен.", "等待中：{provider} 已暂停。";
    next_try: "Next try:", "Следующая попытка:", "下次尝试：";
    waits_to_try_again: "Will be tried again", "Будет повторено", "将再次尝试";
    waits_for_turn: "Waits for its turn at {provider}", "Ждёт очереди к {provider}", "等待 {provider} 的空位";
    waits_for_submit: "Is being sent to {provider}", "Отправляется в {provider}", "正在提交到 {provider}";
    waits_for_provider: "{provider} is working on it", "{provider} обрабатывает", "{provider} 正在处理";
    since: "since", "с", "自";
    sent_at: "sent", "отправлено", "提交于";
    waits_for_branches: "Its images go on one by one:", "Снимки идут дальше по одному:", "各图片分别继续处理：";
    waits_for_fetch: "The result is being fetched", "Результат загружается", "正在取回结果";
    waits_to_fetch_again: "The result will be fetched again", "Результат будет запрошен ещё раз", "将再次取回结果";
    trouble: "Last trouble:", "Последняя неполадка:", "最近的问题：";

    // One job.
    failed_because: "What went wrong", "Что случилось", "出了什么问题";
    retry: "Retry", "Повторить", "重试";
    retry_may_cost: "Another try sends the image again: the service may charge for it a second time.",
        "Повтор отправит снимок ещё раз: сервис может взять плату вторично.",
        "重试会再次发送图片：服务商可能再次计费。";

    // Kinds of failure, and what to do.
    failed_unknown_preset: "There is no such preset.", "Такого набора настроек нет.", "没有此预设。";
    advice_unknown_preset: "Upload the image to a preset that there is, or add this one to darkroom.toml and retry.",
        "Загрузите снимок в существующий набор или добавьте этот в darkroom.toml и повторите.",
        "请上传到已有的预设，或在 darkroom.toml 中添加该预设后重试。";
    failed_upload_missing: "The image was gone when its turn came.", "Снимка не оказалось на месте, когда подошла его очередь.",
        "轮到处理时图片已不存在。";
    advice_upload_missing: "Upload it again.", "Загрузите его ещё раз.", "请重新上传。";
    failed_unsuitable_image: "The service takes no such image.", "Сервис не принимает такие снимки.", "服务商不接受此类图片。";
    advice_unsuitable_image: "Change the image as told below and upload it again, or use another preset.",
        "Измените снимок, как сказано ниже, и загрузите снова, или возьмите другой набор настроек.",
        "请按下方说明修改图片后重新上传，或改用其他预设。";
    failed_rejected: "The service refused the work.", "Сервис отказался от работы.", "服务商拒绝了该请求。";
    advice_rejected: "Its reason stands below. Another try helps only once something has changed.",
        "Причина указана ниже. Повтор поможет, только если что-то изменится.",
        "原因见下方。只有情况改变后重试才有用。";
    failed_exhausted: "It did not work, however often it was tried.", "Не получилось, сколько ни пробовали.",
        "多次尝试均未成功。";
    advice_exhausted: "Retry when the trouble below is over.", "Повторите, когда неполадка ниже устранена.",
        "待下方问题解决后重试。";
    failed_outcome_unknown: "Whether the service did the work is not known.", "Неизвестно, выполнил ли сервис работу.",
        "不确定服务商是否已完成处理。";
    advice_outcome_unknown: "Look at the service's own site whether it has the image.",
        "Посмотрите на сайте сервиса, есть ли у него этот снимок.", "请到服务商网站查看是否已有该图片。";
    failed_broken_result: "What the service gave back cannot be used.", "То, что вернул сервис, непригодно.",
        "服务商返回的结果无法使用。";
    advice_broken_result: "Retry; if it happens again, ask the service.", "Повторите; если случится снова, обратитесь в сервис.",
        "请重试；若再次发生，请联系服务商。";
    failed_deadline: "The service took longer than it may.", "Сервис работал дольше допустимого.", "服务商处理超时。";
    advice_deadline: "Look at the service's own site, or retry later.", "Посмотрите на сайте сервиса или повторите позже.",
        "请到服务商网站查看，或稍后重试。";
    failed_task_lost: "The service took the image and knows of it no more.", "Сервис принял снимок, но больше о нём не знает.",
        "服务商接收了图片，但已查不到该任务。";
    advice_task_lost: "Retry, or ask the service.", "Повторите или обратитесь в сервис.", "请重试或联系服务商。";
    failed_superseded: "A newer upload has taken its place.", "Его место заняла более новая загрузка.", "已被更新的上传取代。";
    advice_superseded: "Nothing is to be done: that one has a job of its own.",
        "Делать ничего не нужно: у неё своё задание.", "无需操作：新上传有自己的任务。";
    before_and_after: "Before and after", "До и после", "前后对比";
    before: "Before", "До", "之前";
    after: "After", "После", "之后";
    slider: "How much of the result is shown", "Какая часть результата видна", "显示结果的比例";
    compare: "Compare", "Сравнить", "对比";
    outputs: "Outputs", "Результаты", "结果";
    download: "Open at full size", "Открыть целиком", "查看原尺寸";
    original: "Original", "Оригинал", "原图";
    use_another_preset: "Use another preset on this", "Обработать дальше", "用其他预设继续处理";
    go: "Go", "Выполнить", "执行";
    found_rectangles: "Where the watermark service worked", "Где работал сервис водяных знаков", "水印服务处理的区域";
    rectangle: "Rectangle", "Область", "区域";
    steps: "What was done", "Что было сделано", "处理过程";
    attempts: "Attempts", "Попыток", "尝试次数";
    charged: "Charged", "Списано", "计费";
    task: "Task", "Задача", "服务商任务";
    sent: "Sent", "Отправлено", "提交时间";
    finished: "Finished", "Завершено", "完成时间";
    took: "took", "заняло", "耗时";
    options: "Options", "Параметры", "选项";
    still_to_come: "Still to come", "Предстоит", "后续步骤";
    warnings: "Good to know", "К сведению", "提示";
    places_found: "Places found", "Найдено мест", "找到的位置";
    links: "Links", "Ссылки", "链接";
    copy: "Copy", "Скопировать", "复制";
    copied: "Copied", "Скопировано", "已复制";
    direct_link: "Image", "Изображение", "图片";
    page_link: "Page", "Страница", "页面";
    delete_hash: "Deletes it", "Код удаления", "删除码";
    provenance: "Provenance", "Происхождение", "来源";
    uploaded_as: "Uploaded as", "Загружено как", "上传为";
    result_folder: "Results lie in", "Результаты лежат в", "结果位于";
    made: "Made", "Создано", "创建时间";
    ended: "Ended", "Окончено", "结束时间";
    job_id: "Job", "Задание", "任务";
    record: "The record, job.json", "Запись job.json", "记录 job.json";
    image_number: "Image", "Снимок", "图片";

    // Providers.
    on_hold: "On hold", "Приостановлен", "已暂停";
    works: "In order", "Работает", "正常";
    sandbox: "sandbox: a fake on this machine, costs nothing", "песочница: имитация на этой машине, бесплатно",
        "沙盒：本机模拟，不计费";
    release: "Release", "Возобновить", "恢复";
    release_hint: "When the account is in order again: lets all waiting images go at once.",
        "Когда аккаунт снова в порядке: все ожидающие снимки пойдут сразу.",
        "账户恢复正常后：立即放行所有等待的图片。";
    balance: "Left on the account", "Осталось на счёте", "账户余量";
    balance_unknown: "not told by the newest jobs", "последние задания не сообщали", "最近的任务未提供";
    balance_low: "little more than min_balance keeps", "почти столько, сколько бережёт min_balance", "接近 min_balance 保留值";
    requests_today: "Requests today", "Запросов сегодня", "今日请求";
    of_limit: "of", "из", "上限";
    pace: "Pace", "Темп", "速率";
    per_second: "per second", "в секунду", "次/秒";
    next_turn: "Next free turn", "Следующая очередь", "下一个空位";
    unfinished: "Unfinished jobs", "Незавершённых заданий", "未完成任务";
    or_more: "or more", "или больше", "或更多";
    does_imgfactory: "Makes unique copies of an image.", "Делает уникальные копии изображения.", "生成图片的唯一副本。";
    does_watermark: "Takes text watermarks away.", "Убирает текстовые водяные знаки.", "去除文字水印。";
    does_fangtang: "Repairs, enlarges and colours old photos.", "Восстанавливает, увеличивает и раскрашивает старые снимки.",
        "修复、放大并为老照片上色。";
    does_vkcloud: "Improves photos, colours them, raises their resolution.",
        "Улучшает снимки, раскрашивает, повышает разрешение.", "改善照片、上色并提高分辨率。";
    does_reading: "Finds text in an image and tells where it is.", "Находит текст на снимке и говорит, где он.",
        "识别图片中的文字并给出位置。";
    does_showing: "Takes text watermarks away and draws where they were.", "Убирает текстовые водяные знаки и рисует, где они были.",
        "去除文字水印并标出其位置。";
    does_improving: "Improves a photo.", "Улучшает снимок.", "改善照片。";
    does_colouring: "Colours a black-and-white photo.", "Раскрашивает чёрно-белый снимок.", "为黑白照片上色。";
    does_enlarging: "Raises the resolution.", "Повышает разрешение.", "提高分辨率。";
    does_background: "Gives an ID photo another background.", "Меняет фон фото на документы.", "更换证件照背景。";
    does_imageban: "Hosts the image and gives links to it.", "Размещает изображение и даёт ссылки.", "托管图片并提供链接。";

    // Upload.
    choose_preset: "What is to be done", "Что сделать", "选择处理方式";
    choose_files: "Choose photos", "Выберите снимки", "选择照片";
    or_drop: "or drop them here", "или перетащите их сюда", "或拖放到此处";
    upload_to: "Upload to {route}", "Загрузить в {route}", "上传到 {route}";
    upload_path: "Upload path", "Путь загрузки", "上传路径";
    then: "then", "затем", "然后";
    default_options: "the service's own defaults", "значения сервиса по умолчанию", "服务默认值";
    fits: "makes images fit the service's limits", "подгоняет снимки под ограничения сервиса", "自动调整以符合服务限制";
    form_limit: "Without scripts, files of up to {size} in all can be sent.",
        "Без скриптов можно отправить файлы общим объёмом до {size}.", "未启用脚本时，文件总大小上限为 {size}。";
    uploading: "Uploading", "Загружается", "上传中";
    uploaded: "Uploaded, waiting for its job", "Загружено, ждём задание", "已上传，等待任务";
    upload_failed: "Not uploaded. Try again.", "Не загружено. Попробуйте ещё раз.", "上传失败，请重试。";
    see_jobs: "See all jobs", "Все задания", "查看全部任务";
    no_files: "Choose at least one file.", "Выберите хотя бы один файл.", "请至少选择一个文件。";

    // Problems.
    problem_off: "The gallery is off: no DARKROOM_GALLERY_TOKEN is set. Set one of 16 characters or more, and restart.",
        "Галерея выключена: не задан DARKROOM_GALLERY_TOKEN. Задайте ключ не короче 16 знаков и перезапустите.",
        "图库已关闭：未设置 DARKROOM_GALLERY_TOKEN。请设置至少 16 个字符的令牌并重启。";
    problem_another_host: "Without a token the gallery is for this machine alone: open it as http://127.0.0.1 with its port.",
        "Без ключа галерея доступна только с этой машины: откройте её как http://127.0.0.1 с её портом.",
        "未设置令牌时图库仅限本机访问：请用 http://127.0.0.1 加端口打开。";
    problem_not_logged_in: "Send the token as `Authorization: Bearer …`, or sign in.",
        "Передайте ключ как `Authorization: Bearer …` или войдите.", "请以 `Authorization: Bearer …` 发送令牌，或先登录。";
    problem_too_many_tries: "Too many wrong tokens at once. Wait a minute.",
        "Слишком много неверных ключей сразу. Подождите минуту.", "错误令牌过多，请稍候一分钟。";
    problem_foreign_form: "The form is too old or came from another site. Go back, reload the page and try again.",
        "Форма устарела или пришла с другого сайта. Вернитесь, обновите страницу и повторите.",
        "表单已过期或来自其他网站。请返回、刷新页面后重试。";
    problem_no_such_page: "There is no such page.", "Такой страницы нет.", "没有此页面。";
    problem_no_such_job: "There is no such job (any more). Records are kept for 90 days; results stay in the bucket.",
        "Такого задания (уже) нет. Записи хранятся 90 дней; результаты остаются в хранилище.",
        "没有此任务（或已过期）。记录保留 90 天；结果仍在存储桶中。";
    problem_no_such_preset: "There is no preset '{route}'.", "Набора настроек «{route}» нет.", "没有预设“{route}”。";
    problem_wrong_request: "That cannot be understood: {why}.", "Это нельзя понять: {why}.", "无法理解：{why}。";
    problem_internal: "Something failed here. Nothing is lost; the log tells why. Try again.",
        "Здесь произошёл сбой. Ничего не потеряно; причина в журнале. Попробуйте ещё раз.",
        "此处出现故障。没有丢失任何内容；原因见日志。请重试。";

    // Times.
    just_now: "just now", "только что", "刚刚";
    ago: "{time} ago", "{time} назад", "{time}前";
    in_time: "in {time}", "через {time}", "{time}后";
    second: "s", "с", "秒";
    minute: "min", "мин", "分钟";
    hour: "h", "ч", "小时";
    day: "d", "дн.", "天";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_every_language_with_the_same_places_to_fill() {
        for (name, texts) in ALL {
            let places = |text: &str| {
                let mut places: Vec<String> =
                    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
                places.sort();
                places
            };
            for text in texts {
                assert!(!text.trim().is_empty(), "{name}");
                assert_eq!(places(text), places(texts[0]), "{name}: {text}");
            }
        }
    }
}
