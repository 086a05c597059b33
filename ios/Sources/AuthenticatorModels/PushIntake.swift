import Foundation
import PushAuthenticator

/// Processes pushes, in the app and in its notification service extension, and says what the system may show.
public struct PushIntake: Sendable {
    /// The content of the system's notification. It also appears on lock screens, so it contains no number and no
    /// place.
    public struct Alert: Equatable, Sendable {
        public let title: Words
        /// Who asks, and for which account; nil if unknown.
        public let subtitle: String?
        /// The sign-on request to open when the notification is tapped.
        public let requestId: String?
        /// Whether it can be denied without opening the app. An account's own key signs in the app, where it can
        /// prompt.
        public let canDenyThere: Bool

        public init(title: Words, subtitle: String?, requestId: String?, canDenyThere: Bool = false) {
            self.title = title
            self.subtitle = subtitle
            self.requestId = requestId
            self.canDenyThere = canDenyThere
        }
    }

    private let phone: Phone
    private let courier: Courier

    /// - Parameters:
    ///   - transport: asks the server if a push is only a hint
    ///   - signingKeys: signs that pull if the account's own key has to
    public init(_ phone: Phone, transport: any HTTPTransport = URLSessionTransport(), signingKeys: (any SigningKeys)? = nil) {
        self.phone = phone
        courier = Courier(phone, transport: transport, signer: UnaskedSigner(phone, signingKeys))
    }

    /// Returns the user info of a push in the form that the core takes, or nil if it is not JSON.
    public static func payload(of userInfo: [AnyHashable: Any]) -> Data? {
        // Anything but JSON would crash the process.
        guard JSONSerialization.isValidJSONObject(userInfo) else { return nil }
        return try? JSONSerialization.data(withJSONObject: userInfo)
    }

    /// Processes a push; if it is only a hint, asks the server for the sign-on request. A rejected push changes
    /// nothing, and is shown as such without its text.
    ///
    /// - Parameter payload: see ``payload(of:)``
    public func receive(_ payload: Data?) async -> Alert {
        guard let payload else { return Self.refused }
        do {
            switch try await courier.receive(payload) {
            case .request(let request):
                return try await Self.alert(for: request, phone)
            // The app asks again when it is opened.
            case .missing: return Self.missing
            }
        } catch {
            return Self.refused
        }
    }

    /// Returns what the system may show of a sign-on request.
    static func alert(for request: SignOnRequest, _ phone: Phone) async throws -> Alert {
        let accounts = try await phone.call { try $0.accounts() }
        let needsSignature = accounts.contains { $0.id == request.accountId && $0.needsSignature }
        return Alert(title: .requestTitle, subtitle: "\(request.issuer), \(request.account)", requestId: request.id, canDenyThere: !needsSignature)
    }

    /// The sign-on request arrived, but cannot be read until the device is unlocked.
    public static let locked = Alert(title: .requestWhileLocked, subtitle: nil, requestId: nil)
    /// The push was a hint, and the sign-on request did not arrive.
    private static let missing = Alert(title: .requestTitle, subtitle: nil, requestId: nil)
    private static let refused = Alert(title: .requestRefused, subtitle: nil, requestId: nil)
}
