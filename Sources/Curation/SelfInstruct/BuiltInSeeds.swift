// Seeds for when none are given: questions of an anesthesia department with short answers, written for this purpose.
// They also show a base model what an answer looks like where the given seeds have none.

extension Seed {
  /// The built-in seeds.
  public static let builtIn: [Seed] = english + chinese

  private static func made(_ language: String, _ pairs: [(String, String)]) -> [Seed] {
    pairs.enumerated().map { Seed(id: "built-in-\(language)-\($0 + 1)", question: $1.0, answer: $1.1) }
  }

  private static let english = made(
    "en",
    [
      (
        "What should be checked before spinal anesthesia?",
        "Consent, allergies, bleeding risk and anticoagulants, infection at the site, volume status and the airway; a "
          + "working line, monitors and drugs against low blood pressure must be at hand."
      ),
      (
        "Why does blood pressure often fall after induction with propofol?",
        "Propofol widens vessels and dampens the heart's contraction and its reflex speeding up, so pressure falls, "
          + "more so in old or volume-depleted patients; smaller doses given slowly soften the fall."
      ),
      (
        "How is the depth of a tracheal tube confirmed?",
        "A lasting carbon dioxide curve shows that it lies in the trachea; equal breath sounds, the mark at the teeth "
          + "and, where in doubt, a bronchoscope or an image show how deep it lies."
      ),
      (
        "Which patients are at high risk of nausea after surgery?",
        "Women, people who do not smoke, those with earlier nausea or motion sickness, and those who need opioids "
          + "afterwards; with several of these at once two or more preventive drugs are given."
      ),
      (
        "How is residual neuromuscular block recognized?",
        "By a train-of-four ratio below 0.9 measured at the thumb; weakness of the jaw or a shallow breath are late and "
          + "uncertain signs."
      ),
      (
        "What is done first when local anesthetic toxicity is suspected?",
        "Stop the injection, call for help, keep the airway open with oxygen, treat seizures, and give lipid emulsion "
          + "early while supporting the circulation."
      ),
    ])

  private static let chinese = made(
    "zh",
    [
      ("椎管内麻醉前应当评估哪些内容？", "应评估凝血功能和抗凝药物使用情况、穿刺部位有无感染、血容量、过敏史和气道条件，并备好监护和升压药物。"),
      ("丙泊酚诱导后血压为什么容易下降？", "丙泊酚扩张血管、抑制心肌收缩并减弱压力反射，老年和低血容量患者更明显，减量并缓慢给药可以减轻。"),
      ("怎样确认气管导管的位置？", "持续的呼气末二氧化碳波形说明导管在气管内，双侧呼吸音和导管刻度提示深度，有疑问时用纤维支气管镜确认。"),
      ("哪些患者术后容易恶心呕吐？", "女性、不吸烟者、有晕动病或既往术后呕吐史以及术后使用阿片类药物的患者风险较高，应联合预防用药。"),
      ("如何判断肌松残余？", "拇内收肌四个成串刺激比值低于0.9提示肌松残余，仅凭抬头或握力判断并不可靠。"),
      ("怀疑局麻药中毒时首先怎么处理？", "立即停止注射并呼救，保持气道通畅和供氧，控制惊厥，尽早静脉输注脂肪乳并支持循环。"),
    ])
}
