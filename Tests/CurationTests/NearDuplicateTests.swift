// The index finds a near duplicate exactly where comparing with every text does.
import Testing

@testable import Curation

@Suite struct NearDuplicateTests {
  /// ROUGE-L's F above 0.7, by the table of Wagner and Fischer.
  private static func isNear(_ left: [String], _ right: [String]) -> Bool {
    guard !left.isEmpty, !right.isEmpty else { return left.isEmpty && right.isEmpty }
    var row = [Int](repeating: 0, count: right.count + 1)
    for element in left {
      var diagonal = 0
      for (column, other) in right.enumerated() {
        let above = row[column + 1]
        row[column + 1] = element == other ? diagonal + 1 : max(above, row[column])
        diagonal = above
      }
    }
    return 20 * row[right.count] > 7 * (left.count + right.count)
  }

  @Test(arguments: [3, 6, 12]) func sameAsComparingWithAll(_ vocabulary: Int) {
    var state: UInt64 = UInt64(vocabulary)
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var index = NearDuplicateIndex()
    var kept: [String] = []
    var found = 0
    for round in 0..<1500 {
      var words = (0..<next(14)).map { _ in "w\(next(vocabulary))" }
      if round % 3 == 0, let other = kept.randomElementAt(next) {
        words = other.split(separator: " ").map(String.init)
        if !words.isEmpty { words[next(words.count)] = "w\(next(vocabulary))" }
      }
      let text = words.joined(separator: " ")
      let expected = kept.contains {
        Self.isNear(NearDuplicateIndex.tokens(of: $0), NearDuplicateIndex.tokens(of: text))
      }
      let near = index.nearDuplicate(of: text)
      #expect((near != nil) == expected, "\(text)")
      if let near {
        found += 1
        #expect(Self.isNear(NearDuplicateIndex.tokens(of: kept[near]), NearDuplicateIndex.tokens(of: text)))
      }
      if round % 2 == 0 {
        index.insert(text)
        kept.append(text)
      }
    }
    #expect(found > 100)
    #expect(index.count == kept.count)
  }

  @Test func charactersAndWords() {
    #expect(NearDuplicateIndex.tokens(of: "丙泊酚Propofol 2%，ok?") == ["丙", "泊", "酚", "propofol", "2", "ok"])
    var index = NearDuplicateIndex()
    index.insert("丙泊酚的常用剂量是多少？")
    index.insert("What is the usual dose of propofol?")
    #expect(index.nearDuplicate(of: "丙泊酚常用的剂量是多少") == 0)
    #expect(index.nearDuplicate(of: "what IS the usual dose of ketamine") == 1)
    #expect(index.nearDuplicate(of: "氯胺酮会引起什么不良反应？") == nil)
  }
}

extension [String] {
  fileprivate func randomElementAt(_ next: (Int) -> Int) -> String? { isEmpty ? nil : self[next(count)] }
}
