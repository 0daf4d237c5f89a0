// In all of these, the spelling is the long one, or both: "-q --quiet".

extension Parameters {
    /// An option without a value, which sets a Boolean.
    public static func flag(
        _ spelling: String, _ summary: String, _ path: @autoclosure @escaping Place<Bool>,
        sets value: Bool = true
    ) -> Self {
        one({ .text }, bare: "") { _ in
            ParameterOutline(kind: .flag, spelling: spelling, summary: summary)
        } assign: { command, _ in
            command[keyPath: path()] = value
        }
    }

    private static func outline<Value>(
        _ spelling: String, _ valueName: String, _ summary: String, _ format: ValueFormat<Value>,
        _ completion: Completion?, isRepeatable: Bool = false, insteadOf operand: String? = nil
    ) -> ParameterOutline {
        ParameterOutline(
            kind: .option, spelling: spelling, valueName: valueName, summary: summary,
            expected: format.expected, completion: completion ?? format.completion,
            isRepeatable: isRepeatable,
            operandReplaced: operand)
    }

    /// An option with a value in a format, which is absent unless given.
    public static func option<Value: Sendable>(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<Value?>, as format: @autoclosure @escaping Format<Value>,
        completing completion: Completion? = nil, insteadOf operand: String? = nil
    ) -> Self {
        one(format) {
            outline(spelling, valueName, summary, $0, completion, insteadOf: operand)
        } assign: {
            $0[keyPath: path()] = $1
        }
    }

    /// An option with a value in a format, which has a default.
    public static func option<Value: Sendable>(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<Value>, as format: @autoclosure @escaping Format<Value>,
        completing completion: Completion? = nil, insteadOf operand: String? = nil
    ) -> Self {
        one(format) {
            outline(spelling, valueName, summary, $0, completion, insteadOf: operand)
        } assign: {
            $0[keyPath: path()] = $1
        }
    }

    /// An option with any text for a value, which is absent unless given.
    public static func option(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<String?>, completing completion: Completion? = nil,
        insteadOf operand: String? = nil
    ) -> Self {
        option(
            spelling, valueName, summary, path(), as: .text, completing: completion, insteadOf: operand)
    }

    /// An option with any text for a value, which has a default.
    public static func option(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<String>, completing completion: Completion? = nil,
        insteadOf operand: String? = nil
    ) -> Self {
        option(
            spelling, valueName, summary, path(), as: .text, completing: completion, insteadOf: operand)
    }

    /// An option that takes a value only as `--name=VALUE`, and stands for `bare` when given as `--name`.
    public static func option<Value: Sendable>(
        _ spelling: String, optional valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<Value?>, as format: @autoclosure @escaping Format<Value>,
        bare: Value,
        completing completion: Completion? = nil
    ) -> Self {
        one(format, bare: bare) { format in
            ParameterOutline(
                kind: .optionalValue, spelling: spelling, valueName: valueName, summary: summary,
                expected: format.expected, completion: completion ?? format.completion)
        } assign: {
            $0[keyPath: path()] = $1
        }
    }

    /// An option with a value in a format that may be given any number of times.
    public static func repeatable<Value: Sendable>(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<[Value]>, as format: @autoclosure @escaping Format<Value>,
        completing completion: Completion? = nil
    ) -> Self {
        one(format) {
            outline(spelling, valueName, summary, $0, completion, isRepeatable: true)
        } assign: {
            $0[keyPath: path()].append($1)
        }
    }

    /// An option with any text for a value that may be given any number of times.
    public static func repeatable(
        _ spelling: String, _ valueName: String, _ summary: String,
        _ path: @autoclosure @escaping Place<[String]>, completing completion: Completion? = nil
    ) -> Self {
        repeatable(spelling, valueName, summary, path(), as: .text, completing: completion)
    }
}
