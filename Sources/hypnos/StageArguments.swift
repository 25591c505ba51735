// `general=FILE…` and `general=1,specific=3`: how stages, and what each of them has of its own, are written.
import Glibc

/// A stage as it is named on the command line.
struct StageArgument {
  let name: String
  var paths: [String]

  /// The stages in `arguments`: NAME=PATH begins a stage or goes on with it, a path alone belongs to the last one.
  static func parse(_ arguments: [String]) throws(Failure) -> [StageArgument] {
    var stages: [StageArgument] = []
    for argument in arguments {
      if let (name, path) = split(argument), access(argument, F_OK) != 0 {
        guard !path.isEmpty else {
          throw Failure("--stage \(argument): names no file; write \(name)=FILE, and more files behind it", code: 2)
        }
        if let index = stages.firstIndex(where: { $0.name == name }) {
          stages[index].paths.append(path)
        } else {
          stages.append(StageArgument(name: name, paths: [path]))
        }
      } else if stages.isEmpty {
        throw Failure("--stage \(argument): write NAME=FILE, such as general=notes.jsonl", code: 2)
      } else {
        stages[stages.count - 1].paths.append(argument)
      }
    }
    return stages
  }

  /// A name of letters, digits and -_ before an equals sign, and what is behind it.
  private static func split(_ argument: String) -> (name: String, path: String)? {
    guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
    let name = argument[..<equals]
    guard name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }) else { return nil }
    return (String(name), String(argument[argument.index(after: equals)...]))
  }
}

/// A number for all stages, or one for each by its name.
struct StageNumbers {
  private let option: String
  private let all: Double?
  private let byName: [String: Double]

  /// The numbers in `text`: one, or NAME=NUMBER separated by commas; each must be above 0 and at most `limit`.
  init(_ text: String, option: String, limit: Double) throws(Failure) {
    func number(_ text: Substring) throws(Failure) -> Double {
      guard let number = Double(text), number > 0, number <= limit else {
        throw Failure("\(option) \(text): it can be a number above 0 and at most \(limit)", code: 2)
      }
      return number
    }
    self.option = option
    guard text.contains("=") else {
      (all, byName) = (try number(text[...]), [:])
      return
    }
    var byName: [String: Double] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "=", omittingEmptySubsequences: false)
      guard halves.count == 2, !halves[0].isEmpty else {
        throw Failure("\(option) \(part): write NAME=NUMBER for each stage, separated by commas", code: 2)
      }
      byName[String(halves[0])] = try number(halves[1])
    }
    (all, self.byName) = (nil, byName)
  }

  /// The number of each of `stages`; every stage must have one, and every name be a stage's.
  func values(for stages: [String]) throws(Failure) -> [Double] {
    if let unknown = byName.keys.sorted().first(where: { !stages.contains($0) }) {
      throw Failure("\(option) \(unknown): there is no such stage", code: 2)
    }
    var values: [Double] = []
    for stage in stages {
      guard let value = all ?? byName[stage] else {
        throw Failure("\(option): stage \(stage) is left out; give a number for each stage, or one for all", code: 2)
      }
      values.append(value)
    }
    return values
  }
}

/// A size in bytes, written such as 4G, 512M or 1.5GiB.
struct ByteCount {
  let bytes: Int

  init?(_ text: String) {
    let units: [(suffixes: [String], shift: Double)] = [
      (["gib", "gb", "g"], 1_073_741_824), (["mib", "mb", "m"], 1_048_576), (["kib", "kb", "k"], 1024),
    ]
    let lower = text.lowercased()
    for (suffixes, unit) in units {
      for suffix in suffixes where lower.hasSuffix(suffix) {
        guard let number = Double(lower.dropLast(suffix.count)), number > 0, number * unit < 0x1p60 else { return nil }
        bytes = Int(number * unit)
        return
      }
    }
    return nil
  }
}
