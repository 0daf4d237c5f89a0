/// A fact about the files of a vector: JSON with integers only.
enum Fact: Equatable {
    case null
    case bool(Bool)
    case number(UInt64)
    case text(String)
    case list([Fact])
    case members([String: Fact])
}

extension Fact: Decodable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(UInt64.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([Fact].self) {
            self = .list(list)
        } else {
            self = .members(try value.decode([String: Fact].self))
        }
    }
}

extension Fact: CustomStringConvertible {
    var description: String {
        switch self {
        case .null: "null"
        case .bool(let bool): "\(bool)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .list(let list): "\(list)"
        case .members(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}"
        }
    }
}

extension Fact {
    static func number(_ number: Int) -> Fact { .number(UInt64(number)) }

    var number: UInt64? { if case .number(let number) = self { number } else { nil } }
    var text: String? { if case .text(let text) = self { text } else { nil } }
    var list: [Fact]? { if case .list(let list) = self { list } else { nil } }
    subscript(name: String) -> Fact? {
        if case .members(let members) = self { members[name] } else { nil }
    }
}

extension [UInt8] {
    /// Decodes hexadecimal digits.
    init?(hexadecimal text: String) {
        let digits = Array(text.utf8).map { UInt8(ascii: "a") <= $0 ? $0 - 87 : $0 - 48 }
        guard digits.count % 2 == 0, digits.allSatisfy({ $0 < 16 }) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
