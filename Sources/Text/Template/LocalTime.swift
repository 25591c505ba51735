// The moment a template may print (`strftime_now`), as a plain value, so that a render is a function
// of its arguments.

import Glibc

/// A date and time of day on the local clock.
public struct LocalTime: Sendable, Equatable {
  /// The year, such as 2024.
  public let year: Int
  /// The month, 1 to 12.
  public let month: Int
  /// The day of the month, from 1.
  public let day: Int
  /// The hour, 0 to 23.
  public let hour: Int
  /// The minute.
  public let minute: Int
  /// The second.
  public let second: Int

  /// Makes the moment of these parts, each brought into its range: years 1 to 9999, months 1 to 12,
  /// days 1 to 31, hours 0 to 23, minutes 0 to 59, seconds 0 to 60.
  public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = min(max(year, 1), 9999)
    self.month = min(max(month, 1), 12)
    self.day = min(max(day, 1), 31)
    self.hour = min(max(hour, 0), 23)
    self.minute = min(max(minute, 0), 59)
    self.second = min(max(second, 0), 60)
  }

  /// The present moment in the machine's time zone.
  public static func current() -> LocalTime {
    var seconds = time(nil)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return LocalTime(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
      hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
  }
}

extension LocalTime {
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
  ]
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  /// The moment by C's `strftime` notation with English names; "-" after the percent sign leaves out
  /// leading zeros. What is no directive stays as written.
  func formatted(_ format: String) -> String {
    var cursor = FormatCursor(format)
    var output = ""
    while let scalar = cursor.next() {
      guard scalar == "%" else {
        output.unicodeScalars.append(scalar)
        continue
      }
      let isPadded = !cursor.accept("-")
      guard let directive = cursor.next() else {
        output += isPadded ? "%" : "%-"
        break
      }
      output += text(of: directive, isPadded: isPadded) ?? (isPadded ? "%" : "%-") + String(directive)
    }
    return output
  }

  private func text(of directive: Unicode.Scalar, isPadded: Bool) -> String? {
    func number(_ value: Int, width: Int, fill: String = "0") -> String {
      let digits = String(value)
      return isPadded ? String(repeating: fill, count: max(0, width - digits.count)) + digits : digits
    }
    switch directive {
    case "Y": return number(year, width: 1)
    case "y": return number(year % 100, width: 2)
    case "m": return number(month, width: 2)
    case "d": return number(day, width: 2)
    case "e": return number(day, width: 2, fill: " ")
    case "H": return number(hour, width: 2)
    case "I": return number((hour + 11) % 12 + 1, width: 2)
    case "M": return number(minute, width: 2)
    case "S": return number(second, width: 2)
    case "j": return number(dayOfYear, width: 3)
    case "w": return number(weekday, width: 1)
    case "u": return number((weekday + 6) % 7 + 1, width: 1)
    case "p": return hour < 12 ? "AM" : "PM"
    case "B": return Self.months[month - 1]
    case "b", "h": return String(Self.months[month - 1].prefix(3))
    case "A": return Self.weekdays[weekday]
    case "a": return String(Self.weekdays[weekday].prefix(3))
    case "F": return formatted("%Y-%m-%d")
    case "T": return formatted("%H:%M:%S")
    case "R": return formatted("%H:%M")
    case "D", "x": return formatted("%m/%d/%y")
    case "X": return formatted("%H:%M:%S")
    case "c": return formatted("%a %b %e %H:%M:%S %Y")
    case "z", "Z": return ""
    case "f": return "000000"
    case "n": return "\n"
    case "t": return "\t"
    case "%": return "%"
    default: return nil
    }
  }

  private var isLeapYear: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  /// Day of the year, from 1.
  private var dayOfYear: Int {
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1]
    return before + day + (isLeapYear && month > 2 ? 1 : 0)
  }

  /// Day of the week, Sunday being 0, in the Gregorian calendar.
  private var weekday: Int {
    let past = year - 1
    let days = past * 365 + past / 4 - past / 100 + past / 400 + dayOfYear
    return (days % 7 + 7) % 7
  }
}
