import PushAuthenticator

/// Every text of the app, by its key in the string catalog. Error texts come from the core.
public enum Words: String, CaseIterable, Sendable {
    case accountsTitle = "accounts.title"
    case accountsEmpty = "accounts.empty"
    case accountScan = "accounts.scan"
    case accountType = "accounts.type"
    case accountRename = "accounts.rename"
    case accountRemove = "accounts.remove"
    case accountEnrolling = "accounts.state.enrolling"
    case accountUnconfirmed = "accounts.state.unconfirmed"
    case accountLocked = "accounts.state.locked"
    case accountReEnrolmentNeeded = "accounts.state.re-enrolment-needed"
    case accountKeyGone = "accounts.state.key-gone"
    case protectedShared = "accounts.protected.shared"
    case protectedSoftware = "accounts.protected.software"
    case protectedHardware = "accounts.protected.hardware"
    case protectedBiometric = "accounts.protected.biometric"
    case alertsOff = "alerts.off"
    case codeReveal = "code.reveal"
    case codeNext = "code.next"
    case codeHidden = "code.hidden"
    case codeShown = "code.shown"
    case removalTitle = "removal.title"
    case removalStaysRegistered = "removal.stays-registered"
    case removalMayBeRegistered = "removal.may-be-registered"
    case removalRegistrationGivenUp = "removal.registration-given-up"
    case removalCodesEnd = "removal.codes-end"
    case removalAnswersNotSent = "removal.answers-not-sent"
    case removalMessagesUnanswered = "removal.messages-unanswered"
    case confirmTitle = "confirm.title"
    case confirmIssuer = "confirm.issuer"
    case confirmAccount = "confirm.account"
    case confirmHost = "confirm.host"
    case confirmHostInLetters = "confirm.host-in-letters"
    case confirmMixedScripts = "confirm.mixed-scripts"
    case confirmCodesOnly = "confirm.codes-only"
    case confirmReplaces = "confirm.replaces"
    case confirmNamesake = "confirm.namesake"
    case confirmPolicies = "confirm.policies"
    case policyBiometric = "policy.biometricAvailable"
    case policyTampering = "policy.deviceTampering"
    case confirmKey = "confirm.key"
    case confirmAdd = "confirm.add"
    case confirmReplace = "confirm.replace"
    case addedReady = "added.ready"
    case addedQueued = "added.queued"
    case addedUnconfirmed = "added.unconfirmed"
    case addedRefused = "added.refused"
    case entryTitle = "entry.title"
    case entrySecret = "entry.secret"
    case entrySecretShown = "entry.secret-shown"
    case entryCounts = "entry.counts"
    case entryAlgorithm = "entry.algorithm"
    case entryDigits = "entry.digits"
    case entryPeriod = "entry.period"
    case scanTitle = "scan.title"
    case scanNoCamera = "scan.no-camera"
    case scanDenied = "scan.denied"
    case requestTitle = "request.title"
    case requestWhileLocked = "request.while-locked"
    case requestRefused = "request.refused"
    case requestNumbers = "request.numbers"
    case requestNumber = "request.number"
    case requestAccept = "request.accept"
    case requestBiometric = "request.biometric"
    case requestDeny = "request.deny"
    case denyWhy = "deny.why"
    case denyNotMe = "deny.not-me"
    case denyNotMeHint = "deny.not-me.hint"
    case denyMistake = "deny.mistake"
    case denyOther = "deny.other"
    case requestFrom = "request.from"
    case requestEnds = "request.ends"
    case requestConcealed = "request.concealed"
    case requestCannotApprove = "request.cannot-approve"
    case resultApproved = "result.approved"
    case resultDenied = "result.denied"
    case resultNotMe = "result.not-me"
    case resultNotDenied = "result.not-denied"
    case resultRefused = "result.refused"
    case resultUnknown = "result.unknown"
    case resultQueued = "result.queued"
    case resultExpired = "result.expired"
    case resultWithdrawn = "result.withdrawn"
    case resultAnswering = "result.answering"
    case resultPending = "result.pending"
    case resultBiometricChanged = "result.biometric-changed"
    case resultKeyGone = "result.key-gone"
    case resultKeyGoneHint = "result.key-gone.hint"
    case biometricUnavailable = "biometric.unavailable"
    case historyTitle = "history.title"
    case historyEmpty = "history.empty"
    case historyMore = "history.more"
    case settingsTitle = "settings.title"
    case settingsAppLock = "settings.app-lock"
    case settingsAppLockNeedsPasscode = "settings.app-lock.needs-passcode"
    case settingsHistory = "settings.history"
    case settingsHistoryAll = "settings.history.all"
    case settingsHistoryCount = "settings.history.count"
    case settingsSend = "settings.send"
    case settingsWaiting = "settings.waiting"
    case settingsEvents = "settings.events"
    case eventEnrolled = "event.enrolled"
    case eventRegistrationConfirmed = "event.registration-confirmed"
    case eventRegistrationRefused = "event.registration-refused"
    case eventRemoved = "event.removed"
    case eventMessageReceived = "event.message-received"
    case eventMessageRefused = "event.message-refused"
    case eventDecisionRefused = "event.decision-refused"
    case eventEnrolmentRefused = "event.enrolment-refused"
    case eventDecided = "event.decided"
    case eventSettled = "event.settled"
    case eventTokenChanged = "event.token-changed"
    case eventTokenRefused = "event.token-refused"
    case eventTokenNotOffered = "event.token-not-offered"
    case eventKeyRewrapped = "event.key-rewrapped"
    case eventBiometricRebound = "event.biometric-rebound"
    case eventBiometricInvalidated = "event.biometric-invalidated"
    case eventDeviceKeyInvalidated = "event.device-key-invalidated"
    case lockTitle = "lock.title"
    case lockUnlock = "lock.unlock"
    case lockReason = "lock.reason"
    case waitingForUnlock = "start.waiting-for-unlock"
    case retry = "action.retry"
    case cancel = "action.cancel"
    case done = "action.done"
    case openSettings = "action.open-settings"

    /// Returns the word for an event, by the core's name for it, or nil for a kind that only a newer core knows.
    public init?(eventOf kind: String) {
        switch kind {
        case "enrolled": self = .eventEnrolled
        case "registration-confirmed": self = .eventRegistrationConfirmed
        case "registration-refused": self = .eventRegistrationRefused
        case "removed": self = .eventRemoved
        case "message-received": self = .eventMessageReceived
        case "message-refused": self = .eventMessageRefused
        case "decision-refused": self = .eventDecisionRefused
        case "enrolment-refused": self = .eventEnrolmentRefused
        case "decided": self = .eventDecided
        case "settled": self = .eventSettled
        case "token-changed": self = .eventTokenChanged
        case "token-refused": self = .eventTokenRefused
        case "token-not-offered": self = .eventTokenNotOffered
        case "key-rewrapped": self = .eventKeyRewrapped
        case "biometric-rebound": self = .eventBiometricRebound
        case "biometric-invalidated": self = .eventBiometricInvalidated
        case "device-key-invalidated": self = .eventDeviceKeyInvalidated
        default: return nil
        }
    }

    /// Returns the word for a consequence of a removal, by the core's code, or nil for one that only a newer core
    /// knows.
    public init?(consequence code: String) {
        switch code {
        case "stays-registered": self = .removalStaysRegistered
        case "may-be-registered": self = .removalMayBeRegistered
        case "registration-given-up": self = .removalRegistrationGivenUp
        case "codes-end": self = .removalCodesEnd
        case "answers-not-sent": self = .removalAnswersNotSent
        case "messages-unanswered": self = .removalMessagesUnanswered
        default: return nil
        }
    }

    /// Returns the word for an account's policy, by its name, or nil for one that this app does not know.
    public init?(policy name: String) {
        switch name {
        case "biometricAvailable": self = .policyBiometric
        case "deviceTampering": self = .policyTampering
        default: return nil
        }
    }

    /// Returns the word for the final state of a settled sign-on request.
    public init(_ state: NotificationState) {
        switch state {
        case .approved: self = .resultApproved
        case .denied: self = .resultDenied
        case .expired: self = .resultExpired
        case .failed: self = .resultRefused
        case .outcomeUnknown: self = .resultUnknown
        case .withdrawn: self = .resultWithdrawn
        case .answering: self = .resultAnswering
        case .pending: self = .resultPending
        }
    }
}
