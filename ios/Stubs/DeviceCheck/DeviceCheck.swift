// Stub for the parts of Apple's DeviceCheck that AuthenticatorDevice uses, for systems without it. It attests nothing:
// a test supplies its objects.
import Foundation

public struct DCError: Error, Equatable {
    public enum Code: Int, Sendable { case unknownSystemFailure, featureUnsupported, invalidInput, invalidKey, serverUnavailable }

    public let code: Code
    public init(_ code: Code) { self.code = code }
}

public final class DCAppAttestService: @unchecked Sendable {
    public static let shared = DCAppAttestService()
    private let lock = NSLock()
    private var answers: (isSupported: Bool, keys: Result<String, DCError>, objects: Result<Data, DCError>) = (true, .success("id"), .success(Data()))
    private var asked: [(keyId: String, clientDataHash: Data)] = []

    /// Sets the results from now on.
    public func set(isSupported: Bool = true, keys: Result<String, DCError> = .success("id"), objects: Result<Data, DCError> = .success(Data())) {
        lock.withLock { (answers, asked) = ((isSupported, keys, objects), []) }
    }

    /// What it was asked to attest since then.
    public var attested: [(keyId: String, clientDataHash: Data)] { lock.withLock { asked } }

    public var isSupported: Bool { lock.withLock { answers.isSupported } }

    public func generateKey(completionHandler: @escaping @Sendable (String?, (any Error)?) -> Void) {
        Self.give(lock.withLock { answers.keys }, completionHandler)
    }

    public func attestKey(_ keyId: String, clientDataHash: Data, completionHandler: @escaping @Sendable (Data?, (any Error)?) -> Void) {
        let object = lock.withLock {
            asked.append((keyId, clientDataHash))
            return answers.objects
        }
        Self.give(object, completionHandler)
    }

    /// On another thread, as the system does.
    private static func give<T: Sendable>(_ result: Result<T, DCError>, _ completionHandler: @escaping @Sendable (T?, (any Error)?) -> Void) {
        DispatchQueue.global().async {
            switch result {
            case .success(let made): completionHandler(made, nil)
            case .failure(let error): completionHandler(nil, error)
            }
        }
    }
}
