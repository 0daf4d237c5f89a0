/// A list of options and operands that fill in a `Command`; a single one is a list of one.
///
/// Written as an array literal of options, operands and lists shared between commands.
public struct Parameters<Command>: Sendable, ExpressibleByArrayLiteral {
    /// The place of a value in the command.
    public typealias Field<Value> = any WritableKeyPath<Command, Value> & Sendable
    /// The same, made only when a value is stored there: a key path costs more than all the rest of a
    /// parameter, and of most commands' parameters few are given.
    public typealias Place<Value> = @Sendable () -> Field<Value>

    /// What a value is read in, made when it is needed.
    public typealias Format<Value: Sendable> = @Sendable () -> ValueFormat<Value>

    /// Makes those that are asked for and appends them.
    let append: @Sendable (ParameterChoice, inout [Parameter]) -> Void

    /// Joins lists into one.
    public init(arrayLiteral lists: Parameters<Command>...) {
        append = { choice, list in
            for index in 0..<lists.count { lists[index].append(choice, &list) }
        }
    }

    init(_ append: @escaping @Sendable (ParameterChoice, inout [Parameter]) -> Void) { self.append = append }

    /// Those that are asked for, in order.
    func made(_ choice: ParameterChoice) -> [Parameter] {
        var list: [Parameter] = []
        append(choice, &list)
        return list
    }

    /// The parameters as help and completions see them.
    public var outlines: [ParameterOutline] { made(.all).map(\.outline) }

    /// The parameters of a part of the command, which other commands may have too.
    public static func shared<Other>(
        _ parameters: Parameters<Other>, _ path: @autoclosure @escaping Place<Other>
    ) -> Self {
        Self { choice, list in
            for parameter in parameters.made(choice) { list.append(moved(parameter, path)) }
        }
    }

    /// The options of a part of the command, which other commands may have too; operands are not among them.
    ///
    /// `group` is their heading in help; without one they stand among the command's own.
    public static func options<Other>(
        _ parameters: @autoclosure @escaping @Sendable () -> Parameters<Other>,
        _ path: @autoclosure @escaping Place<Other>, group: String? = nil
    ) -> Self {
        Self { choice, list in
            guard choice == .all else { return }
            for parameter in parameters().made(.all) where !parameter.outline.isOperand {
                list.append(moved(parameter, path, group))
            }
        }
    }

    /// A parameter of a part, as a parameter of the whole.
    private static func moved<Other>(
        _ parameter: Parameter, _ path: @escaping Place<Other>, _ group: String? = nil
    ) -> Parameter {
        var outline = parameter.outline
        if let group { outline.group = group }
        let store = parameter.store
        return Parameter(outline: outline) { command, text in
            guard var whole = command as? Command else { return false }
            var part: Any = whole[keyPath: path()]
            guard store(&part, text), let part = part as? Other else { return false }
            whole[keyPath: path()] = part
            command = whole
            return true
        }
    }

    /// A list of one operand, or one option, which is made when options are asked for.
    ///
    /// - Parameters:
    ///   - format: what its value is read in, to be assigned then.
    ///   - bare: stands for the value where an option is given without one.
    static func one<Value: Sendable>(
        isOperand: Bool = false, _ format: @escaping Format<Value>, bare: Value? = nil,
        outline: @escaping @Sendable (ValueFormat<Value>) -> ParameterOutline,
        assign: @escaping @Sendable (inout Command, Value) -> Void
    ) -> Self {
        Self { choice, list in
            guard isOperand || choice == .all else { return }
            let format = format()
            let parameter = Parameter(outline: outline(format)) { command, text in
                let value = if let text { format.read(text) } else { bare }
                guard let value, var typed = command as? Command else { return false }
                command = ()  // so that lists are appended to in place
                assign(&typed, value)
                command = typed
                return true
            }
            list.append(parameter)
        }
    }
}

/// Which parameters are made: a command line without a dash needs no options.
enum ParameterChoice { case operands, all }

/// One option or operand of a command.
///
/// The type of the command is left to ``Parameters``: thirty of these are made for each command line, and generic
/// types that are made at run time would cost more than all the rest of the program's start.
struct Parameter: Sendable {
    var outline: ParameterOutline
    /// Puts a value into the command; false when the text is not in the parameter's format.
    var store: @Sendable (inout Any, String?) -> Bool
}
