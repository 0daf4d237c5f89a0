/// A list of options and operands that fill in a `Command`; a single one is a list of one.
///
/// Written as an array literal of options, operands and lists shared between commands.
public struct Parameters<Command>: Sendable, ExpressibleByArrayLiteral {
    /// The place of a value in the command.
    public typealias Field<Value> = any WritableKeyPath<Command, Value> & Sendable

    let list: [Parameter<Command>]

    /// Joins lists into one.
    public init(arrayLiteral lists: Parameters<Command>...) {
        list = lists.flatMap(\.list)
    }

    init(_ list: [Parameter<Command>]) {
        self.list = list
    }

    /// The parameters as help and completions see them.
    public var outlines: [ParameterOutline] { list.map(\.outline) }

    /// The parameters of a part of the command, which other commands may have too.
    ///
    /// `group` is their heading in help; without one they stand among the command's own.
    public static func shared<Part>(
        _ parameters: Parameters<Part>, _ path: Field<Part>, group: String? = nil
    ) -> Self {
        Self(
            parameters.list.map { parameter in
                var outline = parameter.outline
                outline.group = group ?? outline.group
                return Parameter(outline: outline) { command, text in
                    parameter.store(&command[keyPath: path], text)
                }
            })
    }

    /// A list of one parameter, whose value is read in `format` and then assigned.
    ///
    /// `bare` stands for the value where an option is given without one.
    static func one<Value: Sendable>(
        _ outline: ParameterOutline, _ format: ValueFormat<Value>, bare: Value? = nil,
        assign: @escaping @Sendable (inout Command, Value) -> Void
    ) -> Self {
        let parameter = Parameter<Command>(outline: outline) { command, text in
            let value = if let text { format.read(text) } else { bare }
            guard let value else { return false }
            assign(&command, value)
            return true
        }
        return Self([parameter])
    }
}

/// One option or operand.
struct Parameter<Command>: Sendable {
    let outline: ParameterOutline
    /// Puts a value into the command; false when the text is not in the parameter's format.
    let store: @Sendable (inout Command, String?) -> Bool
}
