#if canImport(DeviceCheck)
import DeviceCheck
import Foundation
import PushAuthenticator

/// App Attest on this device. Independent of accounts and of all keys but App Attest's own.
public struct AppAttest: AppAttestService {
    public init() {}

    public var isSupported: Bool { DCAppAttestService.shared.isSupported }

    public func generateKey() async throws -> String {
        try await made { DCAppAttestService.shared.generateKey(completionHandler: $0) }
    }

    public func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data {
        try await made { DCAppAttestService.shared.attestKey(keyId, clientDataHash: clientDataHash, completionHandler: $0) }
    }

    private func made<T: Sendable>(_ make: (@escaping @Sendable (T?, (any Error)?) -> Void) -> Void) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            make { result, error in
                if let result {
                    continuation.resume(returning: result)
                } else {
                    continuation.resume(throwing: error ?? DCError(.unknownSystemFailure))
                }
            }
        }
    }
}
#endif
