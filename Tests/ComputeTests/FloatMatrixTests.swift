import Testing

@testable import Compute

@Suite struct FloatMatrixTests {
  @Test(arguments: [1, 15, 16, 17, 33, 100]) func theLargestColumnIsTheFirstOfEquals(width: Int) {
    var random = Random(state: UInt64(width))
    let matrix = FloatMatrix(rows: 2, width: width)
    for _ in 0..<200 {
      let values = (0..<width).map { _ in random.float(-3...3).rounded() }
      matrix[row: 1] = values
      #expect(matrix.largestColumn(row: 1) == values.firstIndex(of: values.max() ?? 0))
    }
    matrix[row: 1] = Array(repeating: -.infinity, count: width)
    #expect(matrix.largestColumn(row: 1) == 0)
  }

  @Test(arguments: [1, 15, 16, 17, 33, 100]) func oneValueThatIsNotFiniteIsSeen(width: Int) {
    let matrix = FloatMatrix(rows: 2, width: width)
    matrix[row: 0] = [Float](repeating: .greatestFiniteMagnitude, count: width)
    #expect(matrix.isFinite(row: 0) && matrix.isFinite(row: 1))
    for (column, value) in zip(0..<width, (0..<width).map { [Float.nan, .infinity, -.infinity][$0 % 3] }) {
      matrix[1, column] = value
      #expect(!matrix.isFinite(row: 1) && matrix.isFinite(row: 0))
      matrix[1, column] = -1
    }
  }

  @Test func singleValuesAreReadAndWritten() {
    let matrix = FloatMatrix(rows: 2, width: 3)
    matrix[1, 2] = 7
    #expect(matrix[row: 0] == [0, 0, 0])
    #expect(matrix[row: 1] == [0, 0, 7])
    #expect(matrix[1, 2] == 7)
  }
}
